"""A pod's volumes on this machine, made as a kubelet makes them."""

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.manifests import Fields, ManifestError, quantity
from support.podspec import Mount, PodSpec

Data = Mapping[str, bytes]
# What a kubelet adds for the group of `fsGroup`, to folders and to files.
_FOLDER_RIGHTS = 0o2770
_FILE_RIGHTS = 0o660
_READ_ONLY = 0o440


@dataclass(frozen=True)
class Claim:
    """A claim's folder; `takes_group` is false for a volume (NFS, SMB) that ignores `fsGroup`."""

    folder: Path
    takes_group: bool = True

    def give_to(self, group: int) -> None:
        """What is done to it each time that a pod starts."""
        if not self.takes_group:
            return
        for path in (self.folder, *self.folder.rglob("*")):
            if path.is_symlink():
                continue
            os.chown(path, -1, group)
            more = _FOLDER_RIGHTS if path.is_dir() else _FILE_RIGHTS
            path.chmod(path.stat().st_mode & 0o7777 | more)


@dataclass(frozen=True)
class ProjectedFile:
    """One key of a Secret or ConfigMap as a file."""

    content: bytes
    mode: int


class Projection:
    """A folder of files that are all exchanged at once.

    Each file is a link through `..data`, a link to a folder; a rename of that one link exchanges
    all of them.
    """

    def __init__(self, folder: Path, group: int | None) -> None:
        self.folder = folder
        self._group = group
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        self._take(folder)

    def write(self, files: Mapping[str, ProjectedFile]) -> None:
        """Show these files, and no others, from now on."""
        new = self.folder / f"..{secrets.token_hex(8)}"
        new.mkdir()
        new.chmod(0o755)
        for name, file in files.items():
            path = new / name
            path.write_bytes(file.content)
            path.chmod(file.mode)
            self._take(path)
        self._take(new)
        self._show(new)
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        for link in self.folder.iterdir():
            if link.is_symlink() and not link.exists():
                link.unlink()

    def _show(self, new: Path) -> None:
        data, aside = self.folder / "..data", self.folder / "..data_tmp"
        old = data.resolve() if data.is_symlink() else None
        aside.symlink_to(new.name)
        aside.replace(data)
        if old is not None:
            shutil.rmtree(old)

    def _take(self, path: Path) -> None:
        if self._group is None:
            return
        os.chown(path, -1, self._group)
        more = _FOLDER_RIGHTS & ~0o220 if path.is_dir() else _READ_ONLY
        path.chmod(path.stat().st_mode & 0o7777 | more)


class Volumes:
    """The volumes of one pod: what is projected lies below `base`, claims are where they are."""

    def __init__(
        self,
        spec: PodSpec,
        base: Path,
        *,
        config_maps: Mapping[str, Data],
        secrets: Mapping[str, Data],
        claims: Mapping[str, Claim],
    ) -> None:
        self._spec = spec
        self._base = base
        self._sources = {"configMap": dict(config_maps), "secret": dict(secrets)}
        self._claims = claims
        self._projections: dict[str, Projection] = {}

    def options(self) -> list[str]:
        """Make them all; what podman is told to show them in the container."""
        return [self._make(mount) for mount in self._spec.mounts]

    def replace_secret(self, name: str, data: Data) -> None:
        """Give a Secret other contents, as somebody who rotates a key does."""
        self._sources["secret"][name] = data
        for volume, projection in self._projections.items():
            with self._fields(volume) as fields:
                projection.write(self._projected(fields))

    def _fields(self, volume: str) -> Fields:
        fields = Fields(f"volume {volume}", self._spec.volumes[volume])
        fields.need("name")
        return fields

    def _make(self, mount: Mount) -> str:
        with self._fields(mount.volume) as fields:
            if (empty := fields.take("emptyDir")) is not None:
                return f"--tmpfs={mount.path}:{_room(empty)}"
            if (claim := fields.take("persistentVolumeClaim")) is not None:
                folder = self._claimed(claim)
            else:
                folder = self._base / mount.volume
                projection = Projection(folder, self._spec.group)
                projection.write(self._projected(fields))
                self._projections[mount.volume] = projection
            return f"--volume={folder}:{mount.path}{':ro' if mount.read_only else ''}"

    def _claimed(self, content: Mapping[str, Any]) -> Path:
        with Fields("persistentVolumeClaim", content) as fields:
            name = fields.need("claimName")
        if name not in self._claims:
            raise ManifestError(f"there is no claim named {name}")
        claim = self._claims[name]
        if self._spec.group is not None:
            claim.give_to(self._spec.group)
        return claim.folder

    def _projected(self, fields: Fields) -> dict[str, ProjectedFile]:
        for kind, key in (("configMap", "name"), ("secret", "secretName")):
            if (content := fields.take(kind)) is not None:
                with Fields(kind, content) as source:
                    mode = source.take("defaultMode", 0o644)
                    return self._files(kind, source.need(key), source, mode)
        with fields.inner("projected") as projected:
            mode = projected.take("defaultMode", 0o644)
            files: dict[str, ProjectedFile] = {}
            for content in projected.need("sources"):
                ((kind, inner),) = content.items()
                with Fields(kind, inner) as source:
                    files |= self._files(kind, source.need("name"), source, mode)
            return files

    def _files(self, kind: str, name: str, source: Fields, mode: int) -> dict[str, ProjectedFile]:
        data = self._sources[kind].get(name)
        if data is None:
            raise ManifestError(f"there is no {kind} named {name}")
        files = {}
        for content in source.take("items") or [{"key": key, "path": key} for key in data]:
            with Fields("item", content) as item:
                key = item.need("key")
                if key not in data:
                    raise ManifestError(f"the {kind} {name} has no key {key}")
                files[item.need("path")] = ProjectedFile(data[key], item.take("mode", mode))
        return files


def _room(content: Mapping[str, Any]) -> str:
    """A kubelet evicts a pod that fills an emptyDir; here the room ends, which is as bad."""
    with Fields("emptyDir", content) as fields:
        fields.take("medium")
        size = quantity(fields.need("sizeLimit"))
    return f"rw,exec,nosuid,nodev,mode=1777,size={size:.0f}"
