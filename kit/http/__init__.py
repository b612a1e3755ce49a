"""HTTP without a framework, for the paths where every microsecond is paid per token: requests, replies, and the application between."""

from kit.http.app import HttpApp
from kit.http.parameters import Parameters
from kit.http.reply import Reply, html_reply, json_reply, problem, redirect
from kit.http.request import Request
from kit.http.routes import Route

__all__ = ["HttpApp", "Parameters", "Reply", "Request", "Route", "html_reply", "json_reply", "problem", "redirect"]
