"""Agents: one role a file, with its prompts, its view and the form of its reply."""

from disputatio.agents.agent import RULES, Agent
from disputatio.agents.comparison import Preference, comparer
from disputatio.agents.critic import Critic, Critique
from disputatio.agents.cue_writer import CueWriter, Fuser
from disputatio.agents.debater import Debater, contesting
from disputatio.agents.demonstrations import Demonstration, with_steps
from disputatio.agents.explorer import Explorer
from disputatio.agents.fact_selector import FactSelector, selected
from disputatio.agents.formaliser import Formal, Formaliser
from disputatio.agents.forms import Answered, Form, Percent, answered
from disputatio.agents.judge import Judge, Replies, replying, upholding
from disputatio.agents.likelihood import Likelihood
from disputatio.agents.memory_writer import MemoryWriter
from disputatio.agents.outcome_judge import Outcome, OutcomeJudge
from disputatio.agents.planner import Plan, Planner
from disputatio.agents.prober import Prober, Probes
from disputatio.agents.proposer import Proposer, Unfinished, so_far, step_of, unfinished
from disputatio.agents.rule_proposer import RuleJudge, RuleProposer
from disputatio.agents.solver import Solver
from disputatio.agents.step_critic import StepCritic, StepCritique
from disputatio.agents.summariser import Progress, Summariser
from disputatio.agents.triple_extractor import Learnt, TripleExtractor, learn
from disputatio.agents.verifier import ClaimExtractor, Ruling, Verifier

__all__ = [
    "RULES",
    "Agent",
    "Answered",
    "ClaimExtractor",
    "Critic",
    "Critique",
    "CueWriter",
    "Debater",
    "Demonstration",
    "Explorer",
    "FactSelector",
    "Form",
    "Formal",
    "Formaliser",
    "Fuser",
    "Judge",
    "Learnt",
    "Likelihood",
    "MemoryWriter",
    "Outcome",
    "OutcomeJudge",
    "Percent",
    "Plan",
    "Planner",
    "Preference",
    "Prober",
    "Probes",
    "Progress",
    "Proposer",
    "Replies",
    "RuleJudge",
    "RuleProposer",
    "Ruling",
    "Solver",
    "StepCritic",
    "StepCritique",
    "Summariser",
    "TripleExtractor",
    "Unfinished",
    "Verifier",
    "answered",
    "comparer",
    "contesting",
    "learn",
    "replying",
    "selected",
    "so_far",
    "step_of",
    "unfinished",
    "upholding",
    "with_steps",
]
