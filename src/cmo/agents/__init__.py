"""Deep mode: questions of several parts, answered in steps that are kept, so that they can be gone on with."""

from cmo.agents.chain import chain
from cmo.agents.deep import Deep, Progress
from cmo.agents.nodes import fresh
from cmo.agents.plan import MOST_STEPS, Asked, Plan, Planner
from cmo.agents.propose import Proposer

__all__ = ["MOST_STEPS", "Asked", "Deep", "Plan", "Planner", "Progress", "Proposer", "chain", "fresh"]
