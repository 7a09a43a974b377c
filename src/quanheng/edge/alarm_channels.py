"""Ways an alarm takes to people: a command, a webhook, mail, a file (T-08).

Every channel gets the same JSON object or its text. A channel raises ChannelError and nothing else
when it did not deliver; no channel takes longer than its patience.
"""

import os
import smtplib
import subprocess
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

import msgspec

from quanheng.terms.days import from_clock

PATIENCE = 5.0
"""Seconds that a delivery may take."""
LEVELS = ("notice", "amber", "red")
KINDS = ("file", "command", "webhook", "mail")


class ChannelError(RuntimeError):
    """An alarm was not delivered; the text names the channel and the reason."""


class ChannelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel by name. `target`: a path, a command line of words, an http address, or
    "sender>receiver" for mail by the server `host`; `level` and above is sent; `after_s`: only when
    nobody has acknowledged for so long (escalation); `hours`: "HH:MM-HH:MM", empty always.
    """

    name: str
    kind: str
    target: tuple[str, ...]
    level: str = "notice"
    after_s: int = 0
    hours: str = ""
    host: str = "127.0.0.1:25"


class Channel(Protocol):
    """Delivers one alarm."""

    def send(self, alarm: dict[str, Any]) -> None:
        """ChannelError when it was not delivered."""
        ...


class FileChannel:
    """Appends a line to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, alarm: dict[str, Any]) -> None:
        """See `Channel`."""
        try:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(alarm) + b"\n")
        except OSError as error:
            raise ChannelError(f"{self._path}: {error.strerror}") from error


class CommandChannel:
    """Runs a command with the alarm on its standard input; its end with 0 is the delivery."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def send(self, alarm: dict[str, Any]) -> None:
        """See `Channel`."""
        environment = {"PATH": os.environ.get("PATH", ""), "ALARM_LEVEL": str(alarm["level"])}
        try:
            done = subprocess.run(
                self._words,
                input=msgspec.json.encode(alarm),
                capture_output=True,
                timeout=PATIENCE,
                check=False,
                env=environment,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ChannelError(f"{self._words[0]}: {error}") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-200:]
            raise ChannelError(f"{self._words[0]} ended with {done.returncode}: {said}")


class WebhookChannel:
    """Posts the alarm as JSON; an answer of 2xx is the delivery."""

    def __init__(self, address: str) -> None:
        self._address = address

    def send(self, alarm: dict[str, Any]) -> None:
        """See `Channel`."""
        request = urllib.request.Request(
            self._address,
            data=msgspec.json.encode(alarm),
            headers={"Content-Type": "application/json; charset=utf-8"},
            method="POST",
        )
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                if not 200 <= answer.status < 300:
                    raise ChannelError(f"{self._address} answered {answer.status}")
        except (OSError, ValueError) as error:
            raise ChannelError(f"{self._address}: {error}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An alarm goes where the configuration says and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""
        return


class MailChannel:
    """Hands a mail to a server."""

    def __init__(self, host: str, sender: str, receiver: str) -> None:
        self._host, _, port = host.partition(":")
        self._port = int(port or 25)
        self._sender, self._receiver = sender, receiver

    def send(self, alarm: dict[str, Any]) -> None:
        """See `Channel`."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, self._receiver
        mail["Subject"] = f"[{alarm['level']}] {alarm['text']}"[:200]
        mail.set_content(msgspec.json.format(msgspec.json.encode(alarm)).decode())
        try:
            with smtplib.SMTP(self._host, self._port, timeout=PATIENCE) as server:
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelError(f"{self._host}:{self._port}: {error}") from error


def _span(hours: str) -> bool:
    first, _, last = hours.partition("-")
    try:
        return from_clock(first) < from_clock(last)
    except ValueError:
        return False


def problem(one: ChannelConfig) -> str:
    """Why a channel cannot be, "" when it can."""
    if one.kind not in KINDS:
        return f"kind: {one.kind!r} is not one of {', '.join(KINDS)}"
    if one.level not in LEVELS:
        return f"level: {one.level!r} is not one of {', '.join(LEVELS)}"
    if one.hours and not _span(one.hours):
        return f"hours: {one.hours!r} is not HH:MM-HH:MM"
    if not one.name or not one.target or not all(one.target):
        return "name and target must not be empty"
    if one.kind == "webhook" and not one.target[0].startswith(("http://", "https://")):
        return f"target: {one.target[0]!r} is no http address"
    if one.kind == "mail" and len(one.target) != 2:
        return "target: mail needs the sender and the receiver"
    return ""


def open_channel(one: ChannelConfig, folder: Path) -> Channel:
    """The channel of a configuration; relative paths of files are under `folder`."""
    match one.kind:
        case "file":
            return FileChannel(folder / one.target[0])
        case "command":
            return CommandChannel(one.target)
        case "webhook":
            return WebhookChannel(one.target[0])
        case _:
            return MailChannel(one.host, one.target[0], one.target[1])
