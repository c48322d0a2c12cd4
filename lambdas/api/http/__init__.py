"""Reading requests and writing responses: bodies, headers, query parameters, pages, RFC 9457 problems.

Routes and `api.app` use it. It knows HTTP and API Gateway, not the product.
"""
