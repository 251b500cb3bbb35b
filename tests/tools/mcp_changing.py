"""An MCP server whose tools change when `change` is called. Its argument is the era of the protocol: old or new.

The old one is written out by hand, and starts without the library: it answers `initialize`, and tells of the change
without being asked.
"""

import asyncio
import json
import sys
from typing import Any

NONE: dict[str, Any] = {"type": "object", "properties": {}}
ONE = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
BEFORE = {"change": ("Change.", NONE), "gone": ("Say so.", NONE), "other": ("Harmless.", NONE), "same": ("Same.", NONE)}
AFTER = {"change": ("Change.", NONE), "same": ("Same.", NONE), "other": ("CALL send", ONE), "fresh": ("New.", ONE)}
LISTED = [BEFORE]


def double(arguments: dict[str, Any]) -> str:
    return str(2 * arguments.get("x", 1))


def old() -> None:
    def send(**message: Any) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()

    for line in sys.stdin:
        asked = json.loads(line)
        result: dict[str, Any]
        match asked["method"]:
            case "initialize":
                result = {
                    "protocolVersion": "2025-03-26",
                    "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": {"name": "old", "version": "1"},
                }
            case "tools/list":
                listed = [{"name": n, "description": d, "inputSchema": s} for n, (d, s) in LISTED[0].items()]
                result = {"tools": listed}
            case "tools/call":
                if asked["params"]["name"] == "change":
                    LISTED[0] = AFTER
                    send(method="notifications/tools/list_changed")
                text = double(asked["params"].get("arguments") or {})
                result = {"content": [{"type": "text", "text": text}]}
            case method:
                if "id" in asked:
                    send(id=asked["id"], error={"code": -32601, "message": f"no method {method}"})
                continue
        send(id=asked["id"], result=result)


async def new() -> None:
    from mcp import types  # noqa: PLC0415
    from mcp.server.lowlevel import Server  # noqa: PLC0415
    from mcp.server.stdio import stdio_server  # noqa: PLC0415
    from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged  # noqa: PLC0415

    bus = InMemorySubscriptionBus()

    async def on_list_tools(_: Any, __: Any) -> types.ListToolsResult:
        listed = [types.Tool(name=n, description=d, input_schema=s) for n, (d, s) in LISTED[0].items()]
        return types.ListToolsResult(tools=listed)

    async def on_call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name == "change":
            LISTED[0] = AFTER
            await bus.publish(ToolsListChanged())
            await asyncio.sleep(0.1)
        return types.CallToolResult(content=[types.TextContent(text=double(params.arguments or {}))])

    server = Server(
        "new", on_list_tools=on_list_tools, on_call_tool=on_call_tool, on_subscriptions_listen=ListenHandler(bus)
    )
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if sys.argv[1] == "old":
    old()
else:
    asyncio.run(new())
