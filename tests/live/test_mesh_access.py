"""Nodes that ask each other over TLS and by a password."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import bcrypt

from tests.live.certificates import make_certificate
from tests.live.conftest import free_port
from tests.live.program import Program, twistd
from tests.live.test_mesh_page import until
from tests.live.watching import Watching

ASKED = """
[reflect]
listen = "udp:{udp}:interface=127.0.0.1"
[probe]
interval = 0.25
flows = 1
[[peers]]
hosts = ["127.0.0.1:{other}"]
[web]
listen = "ssl:{web}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
password_file = "passwords"
"""

ASKING = """
[[peers]]
hosts = ["127.0.0.1:{udp}"]
[mesh]
web = "https://{{address}}:{web}"
ca_file = "{ca}"
credentials_file = "who"
"""


def test_another_node_is_asked_over_tls_and_by_a_password(tmp_path: Path) -> None:
    (tmp_path / "asked").mkdir()
    (tmp_path / "other").mkdir()
    certificate, key = make_certificate(tmp_path / "asked")
    stranger, _ = make_certificate(tmp_path / "other")
    hashed = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    (tmp_path / "asked" / "passwords").write_text(f"mesh:{hashed}\n")
    who = tmp_path / "who"
    who.write_text("mesh:no\n")
    udp, web = free_port(), free_port()
    peer = f"127.0.0.1:{udp}"

    def asking(ca: Path) -> str:
        return ASKING.format(udp=udp, web=web, ca=ca)

    with Watching(tmp_path, asking(certificate)) as node:
        text = ASKED.format(udp=udp, other=node.own, web=web, key=key, certificate=certificate)
        (tmp_path / "asked.toml").write_text(text.replace('"passwords"', '"asked/passwords"'))
        asked = Program(twistd("udpecho", f"--watch={tmp_path}/asked.toml"), tmp_path)
        with asked:
            until(lambda: node.is_probing(peer), lambda: node.log)

            def row() -> str:
                found = re.search(rf'<th scope="row">{peer}(.*?)</tr>', node.get("/"))
                return unescape(found[1]) if found else ""

            until(lambda: "expected status 200, got 401" in row(), row)
            who.write_text("mesh:open sesame\n")
            node.hang_up()
            until(lambda: "no answer" not in row() and "not asked" not in row(), row)
            assert 'class="l' in row()
            node.put(asking(stranger))
            until(lambda: "no TLS: certificate verify failed" in row(), row)
            (tmp_path / "bad").write_text("no certificate")
            node.put(asking(tmp_path / "bad"))
            refused = "[mesh] ca_file: expected certificates in PEM, got none"
            until(lambda: refused in node.log, lambda: node.log)
            assert "certificate" in row()
            asked.stop()
            assert "Traceback" not in asked.errors + asked.output
