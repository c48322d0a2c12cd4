"""One Lambda function per Task state; each file is named after the work it does."""
