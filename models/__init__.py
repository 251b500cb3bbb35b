"""Model backends behind one protocol, and the gateway that every call passes."""

from disputatio.model import Message, Model, Profile, Reply, Request, TokenLogprob, ToolCall, ToolSpec
from disputatio.models.load import load_model
from disputatio.models.openai_compatible import OpenAICompatible
from disputatio.models.responses import OpenAIResponses
from disputatio.models.scripted import ScriptedModel
from disputatio.models.simulated import SimulatedModel
from disputatio.white_box import Inspection, WhiteBox

__all__ = [
    "Inspection",
    "Message",
    "Model",
    "OpenAICompatible",
    "OpenAIResponses",
    "Profile",
    "Reply",
    "Request",
    "ScriptedModel",
    "SimulatedModel",
    "TokenLogprob",
    "ToolCall",
    "ToolSpec",
    "WhiteBox",
    "load_model",
]
