"""Model files of the Hugging Face hub, fetched once by the package huggingface_hub into its own cache."""

import re
from difflib import get_close_matches
from pathlib import Path

from disputatio.errors import ConfigurationError, StoreError, require

_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")


def hub_file(name: str) -> Path:
    """Find a GGUF file of the hub, and fetch it the first time, with all parts if it is one of several.

    The environment variables of huggingface_hub apply: HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.

    Args:
        name: Owner, repository and file: "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf".

    Raises:
        ConfigurationError: If the name has another form, or there is no such repository or file.
        MissingExtraError: If huggingface_hub is not installed.
        StoreError: If the file cannot be fetched or written.
    """
    repository, file = "/".join(name.split("/")[:2]), "/".join(name.split("/")[2:])
    if not file.endswith(".gguf") or not all(name.split("/")):
        raise ConfigurationError(f"'local:hf/{name}' names no file: 'local:hf/OWNER/REPOSITORY/FILE.gguf'")
    hub = require("huggingface_hub", extra="hub")
    errors = require("huggingface_hub.errors", extra="hub")
    parts = _PART.search(file)
    last = int(parts[1]) if parts else 1
    files = [file.replace("-00001-of-", f"-{number:05}-of-") for number in range(1, last + 1)] if parts else [file]
    try:
        paths = [Path(hub.hf_hub_download(repository, one)) for one in files]
    except errors.GatedRepoError as error:
        raise ConfigurationError(f"{repository} is not open to all: ask for access, and set HF_TOKEN") from error
    except errors.RepositoryNotFoundError as error:
        raise ConfigurationError(f"the hub has no repository {repository!r} that HF_TOKEN may see") from error
    except errors.LocalEntryNotFoundError as error:
        raise StoreError(f"cannot fetch {name}: the hub cannot be reached, and the file is not in the cache") from error
    except errors.EntryNotFoundError as error:
        there = [one for one in hub.list_repo_files(repository) if one.endswith(".gguf")]
        near = get_close_matches(file, there, n=5, cutoff=0)
        raise ConfigurationError(f"{repository} has no file {file!r}; it has {', '.join(near) or 'none'}") from error
    except (OSError, errors.HfHubHTTPError) as error:
        raise StoreError(f"cannot fetch {name}: {str(error).splitlines()[0]}") from error
    return paths[0]
