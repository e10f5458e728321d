"""A server's address, and the caller's credentials and TLS settings, as MLflow finds them."""

from __future__ import annotations

import base64
import configparser
import netrc
import os
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIALS_FILE: Final = Path(".mlflow", "credentials")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Args:
        scheme: "http" or "https".
        host: Its name or address.
        port: Its port.
        prefix: The path below which it answers, "" or "/mlflow".
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"

    def accepts(self, target: Address) -> bool:
        """Whether credentials for this server may go to `target` too: the same one, or its TLS."""
        if target.host != self.host:
            return False
        same = (target.scheme, target.port) == (self.scheme, self.port)
        return same or (self.scheme, target.scheme) == ("http", "https")


@dataclass(frozen=True)
class Access:
    """A server's address with the caller's credentials, which its repr leaves out.

    Args:
        address: Of the server.
        headers: Sent with every request: authorization, workspace.
        environment: Variables with TLS settings and timeouts.
    """

    address: Address
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def at(self, address: Address) -> Access:
        """The same caller at another address of the same server."""
        return replace(self, address=address)

    def tls(self) -> ssl.SSLContext:
        """TLS settings by MLflow's variables: authority, client certificate, checking.

        Raises:
            InvalidValueError: A file that a variable names cannot be used.
        """
        own = self.environment.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
        authority = own or self.environment.get("REQUESTS_CA_BUNDLE")
        client = self.environment.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
        try:
            is_folder = authority is not None and Path(authority).is_dir()
            context = ssl.create_default_context(
                cafile=None if is_folder else authority, capath=authority if is_folder else None
            )
            if client:
                context.load_cert_chain(client)
        except OSError as error:  # ssl.SSLError is one.
            raise InvalidValueError(
                f"The certificates that MLFLOW_TRACKING_SERVER_CERT_PATH ({authority!r}) and "
                f"MLFLOW_TRACKING_CLIENT_CERT_PATH ({client!r}) name cannot be used: "
                f"{error.strerror or error}."
            ) from error
        if _is_true(self.environment.get("MLFLOW_TRACKING_INSECURE_TLS")):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def access_to(url: str, environment: Mapping[str, str] | None = None) -> Access:
    """The way to a server.

    The caller's name and password, or token, come from the first of: MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN, the URL, ~/.mlflow/credentials, ~/.netrc.

    Args:
        url: Such as `https://mlflow.example.org` or `http://user:password@host:5000/prefix`.
        environment: The environment's variables; the process's own by default.

    Raises:
        InvalidValueError: The URL is not one of a server, or a file of credentials is unreadable.
    """
    known = os.environ if environment is None else environment
    address, name, password = _parts(url)
    headers = {}
    if authorization := _authorization(known, address, name, password):
        headers["Authorization"] = authorization
    if workspace := known.get("MLFLOW_WORKSPACE"):
        headers["X-MLFLOW-WORKSPACE"] = workspace
    return Access(address, headers, known)


def parse_address(url: str) -> Address:
    """A server's address without the credentials that the URL may hold.

    Raises:
        InvalidValueError: It is not the URL of a server.
    """
    return _parts(url)[0]


def _parts(url: str) -> tuple[Address, str | None, str | None]:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        parts, port, host = urlsplit(""), None, None
    if parts.scheme not in _PORTS or not host or any(c.isspace() for c in url):
        shown = url.rpartition("@")[2] if "@" in url else url
        raise InvalidValueError(
            f"{shown!r} is not the URL of a server: write it like 'https://mlflow.example.org' or "
            f"'http://127.0.0.1:5000'."
        )
    address = Address(
        parts.scheme,
        host.encode("idna").decode() if not host.isascii() else host,
        port or _PORTS[parts.scheme],
        parts.path.rstrip("/"),
    )
    name = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return address, name, password


def _authorization(
    environment: Mapping[str, str], address: Address, name: str | None, password: str | None
) -> str | None:
    if environment.get("MLFLOW_TRACKING_USERNAME"):
        return _basic(
            environment["MLFLOW_TRACKING_USERNAME"],
            environment.get("MLFLOW_TRACKING_PASSWORD", ""),
        )
    if environment.get("MLFLOW_TRACKING_TOKEN"):
        return f"Bearer {environment['MLFLOW_TRACKING_TOKEN'].strip()}"
    if name is not None:
        return _basic(name, password or "")
    home = Path(environment.get("HOME") or Path.home())
    found = _from_credentials_file(home) or _from_netrc(environment, home, address.host)
    return None if found is None else _basic(*found)


def _basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def _from_credentials_file(home: Path) -> tuple[str, str] | None:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(home / CREDENTIALS_FILE, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        raise InvalidValueError(
            f"{str(home / CREDENTIALS_FILE)!r} cannot be read: it has a section [mlflow] with "
            f"mlflow_tracking_username and mlflow_tracking_password."
        ) from None  # The parser's own message would show the line, which may be the password.
    if not parser.has_option("mlflow", "mlflow_tracking_username"):
        return None
    section = parser["mlflow"]
    return section["mlflow_tracking_username"], section.get("mlflow_tracking_password", "")


def _from_netrc(environment: Mapping[str, str], home: Path, host: str) -> tuple[str, str] | None:
    path = Path(environment.get("NETRC") or home / ".netrc")
    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except FileNotFoundError:
        return None
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        raise InvalidValueError(
            f"{str(path)!r} cannot be read: give every 'machine' a 'login' and a 'password', and "
            f"let nobody else read the file."
        ) from None  # The parser's own message would show the word it stumbled over.
    return None if found is None else (found[0], found[2])


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in {"1", "true"}
