"""Programs of others, with one line changed: where reactor.listenUDP stood, listen_udp stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.live.conftest import Start, needs, needs_our_port
from tests.live.program import environment, python, run

pytestmark = needs_our_port("they were written for it")

PACKAGES = ("rpcudp==2.1", "u-msgpack-python", "txThings==0.3.0", "six", "aiocoap==0.4.17")
SNMP = ("pysnmp==4.4.12", "pyasn1==0.4.8")


def installed(folder: Path, *packages: str) -> Path:
    """Install packages in a folder of their own, for a program of a test; or skip."""
    command = python("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder))
    done = subprocess.run([*command, *packages], capture_output=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip("no package index can be reached")
    return folder


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("programs"), *PACKAGES)


@pytest.fixture(scope="module")
def snmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install pysnmp, and change the one line in its Twisted carrier."""
    folder = installed(tmp_path_factory.mktemp("snmp"), *SNMP)
    carrier = folder / "pysnmp" / "carrier" / "twisted" / "dgram" / "udp.py"
    was, now = "reactor.listenUDP(", "__import__('udpecho').listen_udp(reactor, "
    source = carrier.read_text()
    assert source.count(was) == 2, "one for an agent, one for a manager"
    carrier.write_text(source.replace(was, now))
    return folder


RPC = """
from twisted.internet import defer, task
from rpcudp.protocol import RPCProtocol
from udpecho import listen_udp
from udpecho.testing import MemoryNetwork


class Server(RPCProtocol):
    def rpc_greet(self, sender, name):
        return "hello %s at %s" % (name, sender[0])


async def check(reactor, host):
    client = RPCProtocol()
    ports = [listen_udp(reactor, 0, each, host) for each in (Server(), client)]
    there = host, ports[0].getHost().port
    answers = [client.greet(there, str(number)) for number in range(100)]
    expected = [(True, "hello %d at %s" % (number, host)) for number in range(100)]
    assert [await each for each in answers] == expected
    for port in ports:
        await port.stopListening()


def in_memory(net):
    checked = defer.ensureDeferred(check(net.host("192.0.2.1"), "192.0.2.1"))
    net.advance(1)
    return checked


def main(reactor):
    real = defer.ensureDeferred(check(reactor, "127.0.0.1"))
    return defer.gatherResults([real, in_memory(MemoryNetwork())])


task.react(main)
"""


def test_rpcudp(programs: Path, tmp_path: Path) -> None:
    """A protocol with a catch-all __getattr__ calls and is called, on sockets and in memory."""
    ended = run([sys.executable, "-c", RPC], tmp_path, env=environment(**found_in(programs)))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_txthings(programs: Path, start: Start, tmp_path: Path) -> None:
    """Aiocoap's client gets a resource that takes several datagrams from txThings."""
    program = """
        import txthings.coap as coap
        import txthings.resource as resource
        from twisted.internet import defer, reactor
        from udpecho import listen_udp

        class Long(resource.CoAPResource):
            def render_GET(self, request):
                return defer.succeed(coap.Message(code=coap.CONTENT, payload=b"hello " * 300))

        root = resource.CoAPResource()
        root.putChild(b"long", Long())
        port = listen_udp(reactor, 0, coap.Coap(resource.Endpoint(root)), "127.0.0.1")
        print("at", port.getHost().port, flush=True)
        reactor.run()
    """
    env = environment(**found_in(programs))
    server = start([sys.executable, "-c", dedent(program)], env=env)
    port = server.wait_for("at ([0-9]+)")[1]
    client = python("-W", "ignore", "-m", "aiocoap.cli.client", f"coap://127.0.0.1:{port}/long")
    ended = run(client, tmp_path, env=env)
    assert ended.stdout.strip() == ("hello " * 300).strip(), ended.stderr


AGENT = """
from pyasn1.codec.ber import decoder, encoder
from pysnmp.carrier.twisted.dgram.udp import UdpTwistedTransport, domainName
from pysnmp.carrier.twisted.dispatch import TwistedDispatcher
from pysnmp.proto import api

def answer(dispatcher, domain, address, message):
    module = api.protoModules[api.decodeMessageVersion(message)]
    request, _ = decoder.decode(message, asn1Spec=module.Message())
    response = module.apiMessage.getResponse(request)
    asked = module.apiPDU.getVarBinds(module.apiMessage.getPDU(request))
    told = [(name, module.OctetString("a machine")) for name, _ in asked]
    module.apiPDU.setVarBinds(module.apiMessage.getPDU(response), told)
    dispatcher.sendMessage(encoder.encode(response), domain, address)

dispatcher = TwistedDispatcher()
dispatcher.registerRecvCbFun(answer)
transport = UdpTwistedTransport().openServerMode(("127.0.0.1", 0))
dispatcher.registerTransport(domainName, transport)
print("at", transport._lport.getHost().port, type(transport._lport).__name__, flush=True)
dispatcher.jobStarted(1)
dispatcher.runDispatcher()
"""


@needs("snmpget")
def test_pysnmp(snmp: Path, start: Start, tmp_path: Path) -> None:
    """Snmpget is answered by an agent on pysnmp's Twisted carrier."""
    server = start([sys.executable, "-c", AGENT], env=environment(**found_in(snmp)))
    port, kind = server.wait_for("at ([0-9]+) ([A-Za-z]+)").groups()
    assert kind == "OwnPort"
    asking = ["snmpget", "-v2c", "-cpublic", "-Oqv", f"127.0.0.1:{port}", ".1.3.6.1.2.1.1.1.0"]
    ended = run(asking, tmp_path)
    assert ended.stdout.strip().strip('"') == "a machine", ended.stderr


def found_in(folder: Path) -> dict[str, str]:
    """Have Python find what is installed in a folder, behind this tree."""
    return {"PYTHONPATH": f"{environment()['PYTHONPATH']}:{folder}"}
