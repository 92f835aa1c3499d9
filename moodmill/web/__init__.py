"""The pages in a browser: an ASGI application, and what serves it on this machine."""
