"""The published files: what a configuration needs, what the doctor says, and a whole run on random ones."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch

from ffhq_uv.analysis import landmark_files
from ffhq_uv.analysis.alignment import five_points
from ffhq_uv.analysis.deep3d import DEEP3D, PARSING, Deep3DAnalysis
from ffhq_uv.analysis.landmark_files import LANDMARKS
from ffhq_uv.checkpoints import needs
from ffhq_uv.checkpoints.condition import examine
from ffhq_uv.checkpoints.needs import require, with_own_files
from ffhq_uv.checkpoints.published import PUBLISHED
from ffhq_uv.geometry import FRONT
from ffhq_uv.quality.arcface import ArcFace
from ffhq_uv.quality.dpr_light import DprLight
from ffhq_uv.quality.recogniser import ExpressionRecogniser
from ffhq_uv.tools.doctor import lines
from published_networks import published_files, write_checkpoints
from studio_landmarks import Faces

NEEDED = {"analysis=deep3d", "expression=recogniser", "identity=arcface", "light=dpr", "texture=published"}


def folders(root: Path) -> dict[str, Path]:
    return {name: root / name for name in ("checkpoints", "topo_assets")}


class TestRequire:
    def test_every_missing_file_is_named_with_who_needs_it_and_where_it_is_published(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            require({"analysis=deep3d", "identity=arcface"}, folders(tmp_path))
        text = str(caught.value)
        for path in (DEEP3D, LANDMARKS, PARSING):
            assert f"{tmp_path / 'checkpoints' / path} (for analysis=deep3d)" in text
        assert "arcface_r50_fp16_backbone.pth (for identity=arcface)" in text
        assert "similarity_Lm3D_all.mat" in text
        assert "FacialExpRecognition" not in text
        assert "pull source=ffhq_uv" in text
        assert "\n" not in text

    def test_a_file_that_only_two_choices_together_need(self, tmp_path: Path) -> None:
        both = {"analysis=recorded", "identity=arcface"}
        with pytest.raises(FileNotFoundError, match=rf"{LANDMARKS} \(for analysis=recorded with identity=arcface\)"):
            require(both, folders(tmp_path))
        for choices in ({"analysis=recorded", "identity=dct"}, {"analysis=studio", "identity=arcface"}):
            with pytest.raises(FileNotFoundError) as caught:
                require(choices, folders(tmp_path))
            assert LANDMARKS not in str(caught.value)

    def test_the_studio_needs_no_checkpoint(self, studio_assets: Path, tmp_path: Path) -> None:
        require({"analysis=studio", "texture=published"}, {"checkpoints": tmp_path, "topo_assets": studio_assets})

    def test_a_missing_package_is_named_with_its_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(needs, "PACKAGES", {"identity=onnx": (("no_such_package",), "onnx")})
        with pytest.raises(RuntimeError, match=r"needs the package no_such_package: pip install -e '\.\[onnx\]'"):
            require({"identity=onnx"}, folders(tmp_path))

    def test_a_file_that_the_configuration_names_takes_the_published_ones_place(self, tmp_path: Path) -> None:
        own = {"identity=arcface": tmp_path / "mine.pth", "identity=onnx": tmp_path / "mine.onnx"}
        for choice, path in own.items():
            with pytest.raises(FileNotFoundError, match=rf"not there: {path} \(for {choice}\)\."):
                require({choice}, folders(tmp_path), with_own_files(own))
            path.touch()
        require({"identity=arcface"}, folders(tmp_path), with_own_files(own))


class TestExamine:
    def test_the_studios_assets_all_open(self, studio_assets: Path, tmp_path: Path) -> None:
        places = {"checkpoints": tmp_path, "topo_assets": studio_assets}
        for file in PUBLISHED:
            condition = examine(file, NEEDED, places)
            assert condition.problem is None
            if file.folder == "topo_assets" and file.needed_by:
                content = file.at(places).read_bytes()
                assert (condition.size, condition.sha256) == (len(content), hashlib.sha256(content).hexdigest())

    def test_a_file_that_does_not_open_says_why_in_one_line(self, tmp_path: Path) -> None:
        for file in PUBLISHED:
            path = file.at(folders(tmp_path))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"<html>too many downloads</html>")
            condition = examine(file, NEEDED, folders(tmp_path))
            assert condition.problem
            assert "\n" not in condition.problem
            said = "\n".join(lines(condition))
            assert "does not open" in said
            assert condition.problem in said
            assert file.path in said
            assert said.startswith("*") == (not NEEDED.isdisjoint(file.needed_by))


@pytest.fixture(autouse=True)
def without_packaged_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the extra is installed or not, dlib's model is the one in the folder."""
    monkeypatch.setattr(landmark_files, "PACKAGE", "no_such_package_of_models")


@pytest.fixture(scope="module")
def published(landmark_model: Path, studio_assets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random networks in the published formats, for the studio's model, beside the studio's assets."""
    root = tmp_path_factory.mktemp("published")
    write_checkpoints(root / "checkpoints", identity=30, expression=9)
    (root / "checkpoints" / LANDMARKS).parent.mkdir()
    shutil.copyfile(landmark_model, root / "checkpoints" / LANDMARKS)
    shutil.copytree(studio_assets, root / "topo_assets")
    return folders(root)


@pytest.mark.slow
class TestRandomCheckpoints:
    def test_everything_needed_is_there_and_opens(self, published: dict[str, Path]) -> None:
        require(NEEDED, published)
        conditions = [examine(file, NEEDED, published) for file in PUBLISHED]
        assert all(condition.problem is None for condition in conditions)
        assert all(condition.size for condition in conditions if condition.needed)

    def test_studio_faces_go_through_every_network(self, published: dict[str, Path], strangers: Faces) -> None:
        faces = strangers.faces.clone()
        faces[1, 0] = 127  # no face in the left view
        ids, latents = strangers.ids, strangers.latents
        analyse = Deep3DAnalysis(published["checkpoints"], published["topo_assets"], device="cpu")
        geometry = analyse(faces, latents, ids)
        assert geometry.reasons[1] == "no_landmarks:left"
        assert all(reason is None or ":" in reason for reason in geometry.reasons)
        good = [row for row, reason in enumerate(geometry.reasons) if reason is None]
        assert good
        assert geometry.notes is None
        for row in good:
            seen = geometry.xy[row]
            assert seen.min() >= 0
            assert seen.max() <= 255
            # a mean head in the middle of the crop, brought back to the face: its chin is below its nose
            marks = seen[:, analyse.model.keypoints]
            assert (marks[:, 8, 1] > marks[:, 30, 1]).all()
            assert (marks[:, 45, 0] > marks[:, 36, 0]).all()
            torch.testing.assert_close(geometry.normals[row].norm(dim=-1), torch.ones(3, seen.shape[1]))
            assert geometry.skin[row].any(-1).any(-1).all()
        alone = analyse(faces[good[-1:]], latents[good[-1:]], [ids[good[-1]]])
        assert torch.equal(alone.xy, geometry.xy[good[-1:]])
        assert torch.equal(alone.skin, geometry.skin[good[-1:]])

        fronts = faces[good][:, FRONT]
        landmarks = five_points(geometry.xy[good][:, FRONT][:, analyse.model.keypoints])
        weights = {path.split("/")[0]: published["checkpoints"] / path for path, _, _ in published_files(30, 9)}
        expression = ExpressionRecogniser(weights["exprecog_model"], "cpu")(fronts)
        identity = ArcFace(weights["arcface_model"], "cpu")(fronts, landmarks)
        light = DprLight(weights["dpr_model"], "cpu")(fronts)
        assert expression.shape == (len(good), 7)
        assert identity.shape == (len(good), 512)
        assert light.shape == (len(good), 9)
        assert all(bool(found.isfinite().all()) for found in (expression, identity, light))

    def test_a_face_that_is_not_found_is_guessed_if_asked_to_and_noted(
        self, published: dict[str, Path], strangers: Faces
    ) -> None:
        folders = published["checkpoints"], published["topo_assets"]
        faces = strangers.faces[:1].clone()
        faces[0, 0], faces[0, 2] = 127, 127
        guess = Deep3DAnalysis(*folders, device="cpu", fallback="mean")(faces, strangers.latents[:1], ["000100"])
        assert guess.reasons[0] is not None or guess.notes == ("landmarks_guessed:left,right",)
        one = Deep3DAnalysis(*folders, device="cpu")(faces[:, 1:2], strangers.latents[:1, :1], ["000100"])
        assert one.xy.shape[1] == 1
        assert one.reasons[0] in (None, "no_skin:front")
        with pytest.raises(ValueError, match="expected 'none' or 'mean'"):
            Deep3DAnalysis(*folders, device="cpu", fallback="guess")  # type: ignore[arg-type]

    def test_a_head_is_refined_by_the_landmarks_that_are_found(
        self, published: dict[str, Path], strangers: Faces
    ) -> None:
        folders = published["checkpoints"], published["topo_assets"]
        faces, latents = strangers.faces[:1].clone(), strangers.latents[:1]
        faces[0, 0] = 127
        plain = Deep3DAnalysis(*folders, device="cpu", fallback="mean", correction="none")(faces, latents, ["000100"])
        analyse = Deep3DAnalysis(*folders, device="cpu", fallback="mean", correction="none", refine=True)
        refined = analyse(faces, latents, ["000100"])
        if refined.reasons[0] is not None:
            pytest.skip(f"the random parser found nothing: {refined.reasons[0]}")
        assert plain.error is None
        assert refined.error is not None
        assert refined.error.isfinite().all()
        marks = torch.from_numpy(strangers.landmarks[:1, 1:, 17:])
        before, after = (
            (found.xy[:, 1:, analyse.model.keypoints[17:]] - marks).norm(dim=-1).mean() for found in (plain, refined)
        )
        assert after < 0.5 * before

    def test_a_network_of_another_model_is_refused(self, published: dict[str, Path], tmp_path: Path) -> None:
        shutil.copytree(published["checkpoints"], tmp_path / "checkpoints")
        _, content, _ = next(published_files(80, 9))
        torch.save(content, tmp_path / "checkpoints" / DEEP3D)
        with pytest.raises(ValueError, match=r"epoch_latest\.pth predicts 80 identity coefficients, .* has 30"):
            Deep3DAnalysis(tmp_path / "checkpoints", published["topo_assets"], device="cpu")
