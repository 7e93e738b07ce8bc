"""Tells twistd that there is a udpecho service, without importing it."""

from twisted.application.service import ServiceMaker

udpecho = ServiceMaker("udpecho", "udpecho.tap", "An echo service over UDP (RFC 862).", "udpecho")
