"""What a node's file may say, and what is told who writes something else."""

from __future__ import annotations

import re
from ipaddress import ip_network

import pytest

from tests.examples import given, st
from udpecho.watch import BadConfig, Config, read_config
from udpecho.watch.configuring.settings import (
    MeshSettings,
    NodeSettings,
    PeerSource,
    ProbeSettings,
    TraceSettings,
    WebSettings,
)

EXAMPLE = """
[node]
name = "fra-1"                      # default: the host's name
zone = "fra"
[reflect]
listen = ["udp:1060"]
rate = 5000
allow = "10.0.0.0/8"
allow-source-port = ["53", "5000-5002"]
keep-ttl = true
[probe]
interval = 2
flows = 8
size = 100
timeout = 0.5
dscp = ["AF41"]
[[peers]]
hosts = ["10.0.0.2:1060", "ams-1.example"]
[[peers]]
dns = "udpecho.monitoring.svc"
zone = "ams"
port = 7
[[peers]]
file = "peers.json"
[[peers]]
http = "https://sd.example/targets"
[mesh]
fanout = 16
web = "http://{address}:8060"
credentials_file = "who"
max_peers = 100
[trace]
when = "losing"
[web]
listen = "tcp:8060:interface=127.0.0.1"
hosts = ["fra-1.example"]
"""


def read(text: str) -> Config:
    return read_config(text, "watch.toml", "this-host")


def test_all_that_a_file_may_say() -> None:
    config = read(EXAMPLE)
    assert config.node == NodeSettings("fra-1", "fra", "watch.toml:2")
    assert config.reflect.listen == ("udp:1060",)
    policy = config.reflect.policy
    assert (policy.rate, policy.keep_ttl) == (5000, True)
    assert policy.allow == (ip_network("10.0.0.0/8"),)
    assert policy.allow_source_ports == {53, 5000, 5001, 5002}
    assert config.probe == ProbeSettings(2.0, 8, 100, 0.5, (34,))
    assert config.peers == (
        PeerSource("hosts", ("10.0.0.2:1060", "ams-1.example"), None, None, "watch.toml:17"),
        PeerSource("dns", ("udpecho.monitoring.svc",), "ams", 7, "watch.toml:19"),
        PeerSource("file", ("peers.json",), None, None, "watch.toml:23"),
        PeerSource("http", ("https://sd.example/targets",), None, None, "watch.toml:25"),
    )
    assert config.mesh == MeshSettings(
        16, "http://{address}:8060", 100, "who", None, "watch.toml:27"
    )
    assert config.trace == TraceSettings("losing")
    assert config.web == WebSettings(
        ("tcp:8060:interface=127.0.0.1",), ("fra-1.example",), where="watch.toml:34"
    )


def test_an_empty_file_is_a_node_that_is_asked_by_this_machine_alone() -> None:
    assert read("").node == NodeSettings("this-host", "", "watch.toml:1")
    assert read("").probe == ProbeSettings(1.0, 16, 56, 1.0, (0,))
    assert read("").web.listen == ("tcp:8060:interface=127.0.0.1",)
    assert read("").mesh.fanout == "auto"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[nod]",
            "1: expected node, reflect, probe, peers, mesh, trace, events or web, got 'nod'; did"
            " you mean node?",
        ),
        ("node = 3", "1: node: expected a table, [node], got 3"),
        ("peers = 3", "1: peers: expected tables, [[peers]], got 3"),
        ("[peers]\nhosts=[]", "1: peers: expected tables, [[peers]], got a table"),
        ("[node]\n\nnam = 'x'", "3: [node]: expected one of name, zone, got 'nam'; did you mean"
                                " name?"),
        ("[node]\nname = ''", "2: [node] name: expected a name, got ''"),
        ('[node]\nname = "a\\u001bb"\n', r"2: [node] name: expected a name, got 'a\x1bb'"),
        ("[probe]\ninterval = 'fast'", "2: [probe] interval: expected seconds from 0.1 to 3600, got"
                                       " 'fast'"),
        ("[probe]\ninterval = nan", "2: [probe] interval: expected seconds from 0.1 to 3600, got"
                                    " nan"),
        ("[probe]\ninterval = true", "2: [probe] interval: expected seconds from 0.1 to 3600, got"
                                     " true"),
        ("[probe]\nflows = 0", "2: [probe] flows: expected a whole number from 1 to 256, got 0"),
        ("[probe]\nflows = 1.0", "2: [probe] flows: expected a whole number from 1 to 256, got"
                                 " 1.0"),
        ("[probe]\nsize = 15", "2: [probe] size: expected a whole number from 16 to 65507, got 15"),
        ("[probe]\ndscp = 'CS9'", "2: [probe] dscp: expected a DSCP from 0 to 63 or by name (EF,"
                                  " AF41), got 'CS9'"),
        ("[probe]\ndscp = ['EF', 46]", "2: [probe] dscp: expected 1 to 4 classes of traffic, each"
                                       " once, got ['EF', 46]"),
        ("[probe]\ndscp = []", "2: [probe] dscp: expected 1 to 4 classes of traffic, each once"),
        ("[probe]\ndscp = [0, 1, 2, 3, 4]", "2: [probe] dscp: expected 1 to 4 classes of traffic,"),
        ("[probe]\ndscp = [64]", "2: [probe] dscp: expected a whole number from 0 to 63, got 64"),
        ("[reflect]\nlisten = []", "2: [reflect] listen: expected 1 at least, got []"),
        ("[reflect]\nrate = -1", "2: [reflect] rate: expected a whole number from 0 to 1000000000,"
                                 " got -1"),
        ("[reflect]\nallow = ['192.0.2.1/24']", "2: [reflect] allow: expected a network"),
        ("[reflect]\nallow = [7]", "2: [reflect] allow: expected a network, as 192.0.2.0/24, got"
                                   " 7"),
        ("[reflect]\nallow-source-port = 'x'", "2: [reflect] allow_source_port: expected ports"),
        ("[reflect]\nkeep-ttl = 1", "2: [reflect] keep_ttl: expected true or false, got 1"),
        ("[reflect]\nkeep-ttl = true\nkeep_ttl = true", "3: [reflect] keep_ttl: expected it once,"
                                                        " got it with - and with _"),
        ("[reflect]\nallow = '10.0.0.0/8'\ndeny = '10.0.0.0/8'", "3: [reflect] deny: expected a"
         " network to be allowed or denied, got both for 10.0.0.0/8"),
        ("[[peers]]", "1: [[peers]]: expected one of hosts, file, dns or http, got none"),
        ("[[peers]]\nhosts='a'\ndns='b'", "3: [[peers]]: expected one of hosts, file, dns or http,"
                                          " got hosts and dns"),
        ("[[peers]]\nhosts = []", "2: [[peers]] hosts: expected 1 at least, got []"),
        *((f"[[peers]]\n{kind} = []", f"2: [[peers]] {kind}: expected one, got 0")
          for kind in ("file", "dns", "http")),
        *((f"[[peers]]\n{kind} = ['']", f"2: [[peers]] {kind}: expected {expected}, got ''")
          for kind, expected in (("hosts", "HOST or HOST:PORT"), ("file", "a file's path"),
           ("dns", "a name that DNS knows, without a port"), ("http", "an URL, as http://HOST/PATH"))),
        ("[[peers]]\nhosts=['a', 'b:c']", "2: [[peers]] hosts: HOST[:PORT]: expected a port from 1"
                                          " to 65535, got 'c'"),
        *((f"[[peers]]\nhosts = ['a', '{host}']", f"2: [[peers]] hosts: expected HOST or HOST:PORT,"
           f" got '{host}'") for host in ("10.0.0.0/24", "a b", "a, b", "me@a")),
        *((f"[[peers]]\nhosts = ['{host}']", "2: [[peers]] hosts: expected the address of one host,"
           f" got '{host}'") for host in
          ("224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "ff02::1", "239.1.2.3")),
        *((f"[[peers]]\ndns = '{name}'", "2: [[peers]] dns: expected a name that DNS knows,"
           f" without a port, got '{name}'") for name in ("10.0.0.2", "::1", "a:53", "http://a")),
        ("[[peers]]\nhosts = 'a'\n[[peers]]\ndns = ['a', 'b']", "4: [[peers]] dns: expected one,"
                                                                " got 2"),
        ("[[peers]]\nhttp = 'ftp://x'", "2: [[peers]] http: expected an URL, as http://HOST/PATH,"
                                        " got 'ftp://x'"),
        ("[mesh]\nfanout = 'some'", '2: [mesh] fanout: expected a whole number from 1 to 128, or'
                                    ' "all", got \'some\''),
        ("[mesh]\nweb = 'http://x'", "2: [mesh] web: expected an URL with {address} in it, as"
                                     " http://{address}:8060, got 'http://x'"),
        ("[mesh]\nweb = 'http://{address}:0'", "2: [mesh] web: expected an URL with {address}"),
        ("[mesh]\nweb = 'http://{address}:99999'", "2: [mesh] web: expected an URL with"),
        ("[mesh]\nweb = 'http://u:p@{address}'", "2: [mesh] web: expected an URL with"),
        ("[mesh]\nweb = 'http://{address}?x'", "2: [mesh] web: expected an URL with"),
        ("[mesh]\nweb = 'http://x/{address}'", "2: [mesh] web: expected an URL with"),
        ("[mesh]\nweb = 'http://{address}/{address}'", "2: [mesh] web: expected an URL with"),
        ("[mesh]\nweb = 'http://[{address}]'", "2: [mesh] web: expected an URL with"),
        ("[mesh]\ncredentials_file = 'x'", "2: [mesh] credentials_file: expected it beside web, got"
                                           " it alone"),
        ("[mesh]\nca_file = 'x'", "2: [mesh] ca_file: expected it beside web, got it alone"),
        ("[mesh]\nweb = 'http://{address}'\nca_file = 'x'", "3: [mesh] ca_file: expected web as"
                                                            " https://…, got another"),
        ("[mesh]\nca_file = 7", "2: [mesh] ca_file: expected a file's path, got 7"),
        ("[events]\nlog = 1", "2: [events] log: expected true or false, got 1"),
        ("[events]\nfile = 7", "2: [events] file: expected a file's path, got 7"),
        ("[events]\nwebhook = 'x'", "2: [events] webhook: expected an URL, as http://HOST/PATH"),
        (
            "[events]\nwebhook = 'http://a:b@c/'",
            "2: [events] webhook: expected an URL without a password, got one with @",
        ),
        (
            "[events]\nca_file = 'x'",
            "2: [events] ca_file: expected it beside webhook, got it alone",
        ),
        ("[trace]\nwhen = 'now'", '2: [trace] when: expected "losing" or "never", got \'now\''),
        ("[web]\nlisten = 'udp:1'", "2: [web] listen: expected tcp:PORT[:interface=ADDRESS],"
                                    " ssl:PORT:… or unix:PATH, got 'udp:1'"),
        ("[web]\nlisten = 'tcp:80'", "2: [web] listen: expected interface=127.0.0.1, or beyond"
                                     " loopback ssl:… or insecure = true, got 'tcp:80'"),
        ("[web]\ninsecure = true\nlisten = 'tcp:80'", "3: [web]: expected password_file or public ="
         " true beyond loopback, got neither for 'tcp:80'"),
        ("[web]\nlisten = ['tcp:1:interface=127.0.0.1', 'ssl:443:interface=192.0.2.1']",
         "2: [web]: expected password_file or public = true beyond loopback, got neither for"),
        *((f"[web]\nhosts = ['a', '{host}']", "2: [web] hosts: expected a host's name in ASCII,"
           f" without port or scheme, got '{host}'") for host in ("fra-1.example:28060", "a b",
           "http://x/", "x/", "*.example", ".example", "a..b", "[::1]:80")),
        ("\n[probe]\nflows = " + "9" * 5000, "3: expected a number of few digits, got '999"),
        ("x = '1'\n[probe]\ndscp = [1,\n-1_" + "9" * 5000 + "]", "4: expected a number of few"),
        ("[probe]\nflows = 0x" + "f" * 5000, "2: [probe] flows: expected a whole number from 1 to"
                                             " 256, got 0xfff"),
        ("[probe]\ntimeout = -0b" + "1" * 5000, "2: expected TOML, got what is not: "),
        ("[probe]\ntimeout = 0b" + "1" * 20000, "2: [probe] timeout: expected seconds from 0.001 to"
                                                " 60, got 0xfff"),
        ("[probe]\nflows = [[0x" + "f" * 5000 + "]]", "2: [probe] flows: expected a whole number"),
        ("[probe]\nflows = [0x" + "f" * 5000 + "]", "2: [probe] flows: expected a whole number from"
                                                    " 1 to 256, got [0xfff"),
        ("x = 0x" + "f" * 5000, "1: expected node, reflect, "),
        ("node = 0x" + "f" * 5000, "1: node: expected a table, [node], got 0xfff"),
        ("[node\n", "1: expected TOML, got what is not: Expected ']' at the end of a table decl"),
        ("[node]\nname = \n", "2: expected TOML, got what is not: Invalid value"),
        ("x = [\n\n", "3: expected TOML, got what is not: "),
        ("x = " + "[" * 5000, "1: expected "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(text: str, line: str) -> None:
    """With the file, the line, what was expected and what came."""
    with pytest.raises(BadConfig) as caught:
        read(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"watch.toml:{line}")


@pytest.mark.parametrize(
    "web",
    [
        'listen = "tcp:8060:interface=127.0.0.1"',
        'listen = "tcp:8060:interface=[::1]"',
        'listen = "tcp:8060:interface=\\\\:\\\\:1"',
        'listen = "unix:/run/udpecho.sock"',
        "listen = []",
        'listen = "ssl:443:privateKey=k"\npublic = true',
        'listen = "ssl:443"\npassword_file = "passwords.yml"',
        'listen = "tcp:80"\ninsecure = true\npublic = true',
    ],
)
def test_who_may_look(web: str) -> None:
    """Our machine alone, or more where the file says so in so many words."""
    read(f"[web]\n{web}")


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("", "[node]\nname = 'other'", "watch.toml:1: [node] name"),
        ("", "[node]\n[reflect]\nlisten = 'udp:7'", "watch.toml:2: [reflect]"),
        ("[reflect]\nrate = 5", "\n\n[reflect]\nrate = 5", None),
        ("", "\n\n[web]\nlisten = []", "watch.toml:3: [web] listen"),
        ("[web]\nlisten = []", "", "watch.toml:1: [web] listen"),
        ("", "[probe]\nflows = 3\n[mesh]\nfanout = 3\n[[peers]]\nhosts = 'a'", None),
    ],
)
def test_what_needs_a_restart(before: str, after: str, what: str | None) -> None:
    assert read(before).needs_restart(read(after)) == what


WORDS = st.sampled_from([*re.findall(r"\w+|\S|\n", EXAMPLE), "\n", "\n", '"', "[[peers]]\n"])


@given(st.one_of(st.text(), st.lists(WORDS, max_size=60).map("".join)))
def test_whatever_is_written_is_a_node_or_one_line(text: str) -> None:
    try:
        read(text)
    except BadConfig as error:
        line = str(error)
    else:
        return
    assert re.fullmatch(r"watch\.toml:\d+: .*", line)
    assert line.isprintable()
