"""Rules for the tools of an MCP server."""

from jwt_wsgi.mcp.tool_authorizer import ToolAuthorizer

__all__ = ["ToolAuthorizer"]
