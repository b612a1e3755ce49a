"""`authserver demo`: an MCP client's whole life against the plane running here, told step by step."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.failure import Failure


def demo(
    state_dir: Annotated[Path | None, typer.Option(help="The plane's state directory.", envvar="AUTHPLANE_STATE_DIR")] = None,
) -> None:
    """Watch an MCP client get in: discovery, registration, login, consent, token, tool call, refresh, revocation, audit trail."""
    from deploy.local.dev import status
    from deploy.local.places import Places

    found = status(Places.at(state_dir))
    if found is None or found["state"] != "ready":
        raise Failure("no plane is ready here. Start one with `make up` (or `authserver dev`), then run the demonstration again.")
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    asyncio.run(_tell(found))


async def _tell(found: dict[str, Any]) -> None:
    from cli.demo.audit_trail import show_audit_trail
    from cli.demo.narrator import Narrator
    from cli.demo.story import Plane, Story, StoryFailed
    from cli.demo.user_agent import UnexpectedPage

    metadata = found["client_metadata"]
    plane = Plane(
        issuer=found["issuer"],
        demo_mcp_url=found["demo_mcp_url"],
        demo_resource=found["demo_resource"],
        email=found["demo_user"]["email"],
        password=found["demo_user"]["password"],
        certificate=Path(metadata["certificate"]),
        key=Path(metadata["key"]),
        client_metadata_port=metadata["port"],
    )
    narrator = Narrator()
    story = Story(plane, narrator)
    try:
        await story.tell()
        await show_audit_trail(narrator, found["admin_url"], found["admin_api_key"], since=story.began)
    except* (StoryFailed, UnexpectedPage) as failed:
        raise Failure(
            f"the demonstration stopped: {'; '.join(innermost(failed))}. The plane's logs are in {found['state_dir']}/logs."
        ) from None
    narrator.say("\nThat is all of it. Look around: `authserver admin client list`, `authserver admin audit tail`.")


def innermost(group: BaseExceptionGroup[BaseException]) -> list[str]:
    """The words of every error inside a group of groups."""
    return [words for error in group.exceptions for words in (innermost(error) if isinstance(error, BaseExceptionGroup) else [str(error)])]
