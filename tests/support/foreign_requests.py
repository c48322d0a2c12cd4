"""What the HTTP servers of tests refuse: web pages of other sites and foreign host names."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from loopback import guard


def refuse_foreign(request: BaseHTTPRequestHandler) -> bool:
    """Refuse the request if it comes from a web page or names another host. Return whether it is refused."""
    server = request.server
    assert isinstance(server, ThreadingHTTPServer)
    reason = guard.find_refusal(request.command, request.headers.items(), guard.list_hosts(server.server_port))
    if reason is None:
        return False
    request.rfile.read(int(request.headers.get("Content-Length") or 0))
    request.send_response(guard.STATUS)
    request.send_header("Content-Length", str(len(reason)))
    request.end_headers()
    request.wfile.write(reason.encode())
    return True
