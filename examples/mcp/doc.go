// Package mcp has no code but a test: a published MCP server for WordPress, as AI
// agents use it, with an application password that can only read for a day. See
// README.md for how to set one up.
package mcp
