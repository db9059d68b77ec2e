"""Bodies of requests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_LONGEST = 100_000
_MOST = 100


Text = Annotated[str, Field(max_length=_LONGEST)]
"""Of bounded length; which also refuses half a surrogate pair."""


class Turn(BaseModel):
    """An earlier turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str = Field(max_length=_LONGEST)


class Searching(BaseModel):
    """A question to search for."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(max_length=_LONGEST, description="In plain words.")
    kb: str | None = Field(None, description="Name of the knowledge base; the first one if left out.")
    k: int | None = Field(None, ge=1, le=_MOST, description="Passages; as configured if left out.")
    where: str | None = Field(None, max_length=_LONGEST, description="Filter over documents.")


class Asking(Searching):
    """A question to answer."""

    history: list[Turn] = Field(default_factory=list, max_length=_MOST, description="Earlier turns, oldest first.")
    session: str | None = Field(
        None, min_length=1, max_length=200, description="A conversation that the server keeps, in place of a history."
    )
    user: str | None = Field(None, min_length=1, max_length=200, description="Whose; where one key is shared by many.")
    stream: bool = Field(False, description="Send the answer sentence by sentence, as server-sent events.")


class Part(BaseModel):
    """A part of a message; only texts are read."""

    type: str
    text: str = Field("", max_length=_LONGEST)


class ChatMessage(BaseModel):
    """A message of OpenAI's protocol."""

    role: str
    content: Text | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its texts, joined."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool = False


class Chat(BaseModel):
    """A request of OpenAI's protocol. Sampling and the like are set where the knowledge base is configured."""

    model: str | None = None
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool = False
    stream_options: StreamOptions | None = None
