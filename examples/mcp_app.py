"""An MCP server on Flask behind jwt-wsgi: two tools over a folder, each with its own scope.

In a clone, install what it needs with `pip install '.[app]' flask`. Then run
`ISSUER=https://… RESOURCE=http://127.0.0.1:8000/mcp FOLDER=… python examples/mcp_app.py`.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, request
from mcp_messages import ToolError, respond

from jwt_wsgi import protect, scope
from jwt_wsgi.mcp import ToolAuthorizer

# Every request needs the scope of the path, and a call needs the scope of its tool beside it.
PATH_RULE = scope("files:read")
TOOL_RULES = {"search_files": scope("files:read"), "delete_file": scope("files:delete")}


class Files:
    """The tools, which work on the files of one folder."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def search(self, text):
        """Return the names of the files that contain a text."""
        files = sorted(path for path in self.folder.iterdir() if path.is_file())
        return "\n".join(path.name for path in files if text in path.read_text("utf-8", "replace"))

    def delete(self, name):
        """Delete a file."""
        # The name is compared with names, and never becomes part of a path.
        for path in self.folder.iterdir():
            if path.name == name and path.is_file():
                path.unlink()
                return f"{name} is deleted."
        raise ToolError("There is no such file.")


def application(issuer, resource, folder):
    """Return the Flask application with the layers around its `wsgi_app`."""
    app = Flask(__name__, static_folder=None)
    files = Files(folder)
    tools = {"search_files": (files.search, "text"), "delete_file": (files.delete, "name")}
    path = urlsplit(resource).path or "/"

    @app.post(path)
    def message():
        return respond(request.get_json(), request.headers, tools)

    authorizer = ToolAuthorizer(app.wsgi_app, TOOL_RULES, path=path, origins=())
    app.wsgi_app = protect(authorizer, issuer=issuer, resource=resource, rules={path: PATH_RULE})
    return app


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    app = application(os.environ["ISSUER"], os.environ["RESOURCE"], os.environ["FOLDER"])
    print(f"The MCP server is {os.environ['RESOURCE']}", flush=True)
    serve(app, listen=listen)
