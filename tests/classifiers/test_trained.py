"""The trained model: what is trained is what is served, damage is noticed, and plain cases of work groups fall right.

Nothing here needs the training data: small models are trained on invented lines, the shipped ones are only loaded.
"""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from classifiers.folding import fold, fold_batch
from classifiers.trained import evaluate, features, halves, registry, train
from classifiers.trained.card import Figure
from classifiers.trained.cuts import quantiles_of
from classifiers.trained.halves import Weights
from classifiers.trained.recipes import WORK
from classifiers.trained.rows import LICENCES, OWN, PERMISSIVE, clean, read_rows
from classifiers.trained.serve import NEVER, Model, ModelUnavailable
from models.signal import TRAINED_CATEGORIES

GOODS = ("面膜", "茶叶", "脐橙", "车位", "阿胶", "奶茶", "保险", "课程", "手表", "香水")
TASKS = ("报表", "合同", "台账", "图纸", "发票", "排班", "纪要", "样品", "工单", "巡检")


@pytest.fixture(scope="module")
def texts_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    ads = [f"{goods}{price}元一份包邮，要的私聊我" for goods in GOODS for price in ("19", "59", "88")]
    ads += [f"自家{goods}新货到了，加微信下单" for goods in GOODS]
    rude = [f"{task}都做错，你是不是脑子有病" for task in TASKS] + [f"废物，{task}也不会" for task in TASKS]
    fine = [f"{task}{when}发我一下" for task in TASKS for when in ("今天", "明天", "下午", "周五前", "尽快")]
    fine += [f"{goods}的采购{task}请财务核对" for goods in GOODS for task in TASKS]
    for name, label, lines in (("ads", "ads", ads), ("abuse", "abuse", rude), ("work", "ok", fine)):
        content = "".join(json.dumps({"text": line, "label": label}, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(content, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(texts_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train.train(None, texts_dir, folder, "permissive", progress=lambda line: None)
    return folder


@pytest.fixture
def model(folder: Path) -> Model:
    return Model.load(folder)


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


LINES = [
    "",
    "收到",
    "自家脐橙新货到了，加微信下单",
    "合同明天发我一下",
    "😀",
    "v.x",
    "abc " * 90,
    "价格1380013800元",
    "。",
]


def test_served_margins_are_those_of_scikit_learn(texts_dir: Path, folder: Path, model: Model) -> None:
    """The weights are rounded to half precision; with the same rounding scikit-learn decides and scores alike."""
    from sklearn.svm import LinearSVC

    matrix = train.prepare(read_rows(None, texts_dir, ()))
    head = TRAINED_CATEGORIES.index("ads")
    fitted = train.fit(matrix, head, WORK, matrix.of((OWN,)))
    assert fitted is not None
    trained = LinearSVC()
    trained.classes_ = np.array([-1, 1])
    trained.coef_ = fitted.weights.astype(np.float16).astype(np.float64)[None, :]
    trained.intercept_ = np.array([fitted.bias])
    lines = [*matrix.rows.texts[:50], *(line for line in LINES if len(line) <= features.PIECE)]
    batch = fold_batch(lines)
    expected = trained.decision_function(train.matrix_of(features.features(batch.codes, batch.starts)))
    place = model.categories.index("ads")
    assert np.abs(model.margins(batch)[:, place] - expected).max() < 1e-4
    ads = model.card.heads[place]
    expected_scores = 1 / (1 + np.exp(-(ads.slope * expected + ads.offset).clip(-15, 15)))
    assert np.abs(model.score(batch)[:, place] - expected_scores).max() < 1e-5


def test_the_weights_are_the_mapped_files(model: Model) -> None:
    """Nobody can write to them, and nobody holds a copy: workers of one host share the pages."""
    for part in model._weights.parts:
        assert not part.flags.writeable
        assert not part.flags.owndata


def test_every_half_is_the_same_number_in_single_precision() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(-1, 1)
    finite = every[np.isfinite(every)].reshape(-1, 1)
    taken = Weights([finite, finite[::-1].copy()]).take(np.arange(len(finite)))
    assert taken.dtype == np.float32
    assert np.array_equal(taken[:, :1], finite.astype(np.float32))
    assert np.array_equal(np.signbit(taken[:, :1]), np.signbit(finite))
    assert np.array_equal(taken[:, 1:], finite[::-1].astype(np.float32))


def test_weights_are_written_in_files_of_a_few_columns(tmp_path: Path) -> None:
    columns = list(np.linspace(-3, 3, 19 * 5, dtype=np.float32).reshape(19, 5))
    halves.write(tmp_path, columns)
    files = halves.write(tmp_path, columns[:11])
    assert [file.name for file in files] == ["weights-0.npy", "weights-1.npy"] == sorted(os.listdir(tmp_path))
    table = Weights([np.load(tmp_path / file.name) for file in files])
    assert np.array_equal(table.between(0, 11), np.stack(columns[:11], axis=1).astype(np.float16))
    assert np.array_equal(table.between(7, 9), table.take(np.arange(5))[:, 7:9])


@pytest.fixture
def with_experts(texts_dir: Path, tmp_path: Path) -> train.Trained:
    """The head for ads where a chat of others is at hand, in which other things are advertised."""
    rows = [{"text": f"出{thing}，{price}绿宝石，进服找我", "label": "ad"} for thing in GOODS for price in (10, 20, 30)]
    rows += [{"text": f"{thing}怎么{verb}的，求教", "label": "ok"} for thing in GOODS for verb in ("合成", "刷", "找")]
    lines = [json.dumps(row | {"source": "qqgroup"}, ensure_ascii=False) for row in rows]
    (tmp_path / "qqgroup.train.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    matrix = train.prepare(read_rows(tmp_path, texts_dir, ("qqgroup",)))
    trained = train.train_head(matrix, TRAINED_CATEGORIES.index("ads"), matrix.of((OWN, "qqgroup")))
    assert trained is not None
    return trained


def test_a_category_has_an_expert_for_each_place_where_it_was_labelled(with_experts: train.Trained) -> None:
    assert [expert.name for expert in with_experts.experts] == ["work", "spam"]
    assert len(with_experts.columns) == 2


def test_the_surest_expert_speaks(folder: Path, damaged: Path, with_experts: train.Trained) -> None:
    plain = Model.load(folder)
    place = plain.categories.index("ads")
    table = np.concatenate([plain.weights(category) for category in plain.categories], axis=1)
    table = np.concatenate([table[:, :place], np.stack(with_experts.columns, axis=1), table[:, place + 1 :]], axis=1)
    heads = list(plain.card.heads)
    heads[place] = msgspec.structs.replace(heads[place], experts=with_experts.experts)
    files = halves.write(damaged, list(table.T))
    card = msgspec.structs.replace(plain.card, heads=tuple(heads), weights=files)
    (damaged / "card.json").write_bytes(msgspec.json.encode(card))
    model = Model.load(damaged)
    batch = fold_batch(LINES[1:6])
    found = features.features(batch.codes, batch.starts)
    each = [
        train.matrix_of(found) @ column.astype(np.float16).astype(np.float64) + expert.bias
        for column, expert in zip(with_experts.columns, with_experts.experts, strict=True)
    ]
    assert np.abs(model.margins(batch)[:, place] - np.max(each, axis=0)).max() < 1e-4
    others = [i for i in range(len(plain.categories)) if i != place]
    assert np.array_equal(model.margins(batch)[:, others], plain.margins(batch)[:, others])
    assert model.explain([("自家脐橙新货到了,加微信下单", "ads")])[0]


def test_a_batch_scores_like_its_messages_alone(model: Model) -> None:
    together = model.score(fold_batch(LINES))
    alone = np.concatenate([model.score(fold_batch([line])) for line in LINES])
    assert together.shape == (len(LINES), len(model.categories))
    assert np.abs(together - alone).max() < 1e-6


def test_scores_are_shares(model: Model) -> None:
    scores = model.score(fold_batch(LINES))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    assert model.score(fold_batch([])).shape == (0, len(model.categories))


def test_an_advertisement_in_a_long_text_is_not_diluted(model: Model) -> None:
    column = model.categories.index("ads")
    work = "今天的报表和排班请各位核对，下午发我一下。"
    alone, hidden, clean_text = model.score(
        fold_batch(["脐橙59元一份包邮，要的私聊我", work * 40 + "脐橙59元一份包邮，要的私聊我", work * 40])
    )
    assert hidden[column] > clean_text[column]
    assert alone[column] > clean_text[column]


def test_very_long_texts_are_scored(model: Model) -> None:
    scores = model.score(fold_batch(["报表" + "我们今天开会讨论了" * 11_200, "收到", "字" * 100_000, "a1 " * 40_000]))
    assert np.isfinite(scores).all()


def test_pieces_cover_every_text_once() -> None:
    starts = np.array([0, 0, 5, 5 + features.PIECE, 6 + 3 * features.PIECE, 6 + 3 * features.PIECE])
    found, first = features.pieces(starts)
    assert set(starts.tolist()) <= set(found.tolist())
    assert (np.diff(found) <= features.PIECE).all()
    assert [int(found[place]) for place in first] == starts[:-1].tolist()


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        ("加微信下单", "自家茶叶新货到了", "加微信下单"),
        ("加微信v", ".com有货", "下单"),
        ("下单", "茶叶 http:a.", "com"),
    ],
)
def test_features_do_not_cross_messages(model: Model, before: str, line: str, after: str) -> None:
    """What stands before and after a message does not change its score."""
    alone = model.score(fold_batch([line]))[0]
    between = model.score(fold_batch([before, line, after]))[1]
    assert np.allclose(alone, between, atol=1e-6)


def test_however_many_texts_have_features_of_their_own() -> None:
    """So many that text and row do not fit in 32 bits together."""
    texts = ["脐橙", "收到"] * (1 << 14) + ["脐橙"]
    batch = fold_batch(texts)
    found = features.features(batch.codes, batch.starts)
    some = fold_batch(texts[:2])
    assert np.array_equal(found.rows[: found.starts[2]], features.features(some.codes, some.starts).rows)
    assert np.array_equal(found.rows[found.starts[-2] :], found.rows[: found.starts[1]])


def test_numbers_are_not_learned_by_heart(model: Model) -> None:
    one, other = model.margins(fold_batch(["脐橙59元一份", "脐橙73元一份"]))
    assert np.array_equal(one, other)


def test_explanations_lie_in_the_text_and_show_why(model: Model) -> None:
    folded = fold("各位好，自家阿胶新货到了，加微信下单，谢谢")
    (ranges,) = model.explain([(folded.text, "ads")])
    assert 1 <= len(ranges) <= 3
    assert all(0 <= begin < end <= len(folded.text) for begin, end in ranges)
    assert ranges == sorted(ranges)
    assert any("加微信" in folded.text[begin:end] for begin, end in ranges)
    assert model.explain([("", "ads")]) == [[]]


def test_texts_explained_together_are_explained_as_alone(model: Model) -> None:
    lines = [
        "各位好，自家阿胶新货到了，加微信下单，谢谢",
        "",
        "无抵押贷款3分钟到账",
        "明天开会",
        "\ud83d加微信",
        "a" * 500,
    ]
    asked = [(fold(line).text, category) for line in lines for category in model.categories[:2]]
    assert model.explain(asked) == [model.explain([one])[0] for one in asked]
    assert any(model.explain(asked))


def test_a_finer_budget_asks_for_a_higher_score(model: Model) -> None:
    cuts = [model.cut("ads", budget) for budget in (0.5, 1 / 20, 1 / 30, 1 / 50, 1 / 100)]
    assert cuts == sorted(cuts)
    assert cuts[0] == cuts[1]
    assert model.floor[model.categories.index("ads")] == pytest.approx(model.cut("ads", 1 / 100))


def test_a_budget_that_the_card_cannot_support_is_never_met(model: Model) -> None:
    assert model.cut("ads", 1 / 20000) == NEVER
    with pytest.raises(ValueError, match="budget"):
        model.cut("ads", 0)


def test_at_most_the_budget_of_normal_messages_lies_at_a_cut() -> None:
    scores = np.random.default_rng(1).random(30_000)
    for quantile in quantiles_of(scores):
        assert (scores >= quantile.score).sum() == quantile.above <= len(scores) / quantile.one_in
    assert quantiles_of(scores[:500])[-1].one_in == 500


def test_messages_that_score_alike_do_not_pass_a_cut_together() -> None:
    """Notices that differ in a number alone have one score: it is above every cut that they would break."""
    scores = np.concatenate([np.linspace(0.01, 0.5, 5_700), np.full(300, 0.9)])
    for quantile in quantiles_of(scores, shown_by=3):
        assert (scores >= quantile.score).sum() == quantile.above <= len(scores) / quantile.one_in
    assert quantiles_of(np.full(100, 0.7))[0].above == 0
    assert quantiles_of(np.full(100, 0.7))[0].score > 0.7


def test_training_twice_gives_the_same_bytes(texts_dir: Path, folder: Path, tmp_path: Path) -> None:
    train.train(None, texts_dir, tmp_path, "permissive", progress=lambda line: None)
    written = sorted(file.name for file in folder.iterdir())
    assert sorted(file.name for file in tmp_path.iterdir()) == written
    for name in written:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_nothing_of_the_texts_is_written(folder: Path) -> None:
    written = b"".join(file.read_bytes() for file in folder.iterdir())
    assert "私聊".encode() not in written
    assert "私聊".encode("utf-16-le") not in written
    assert "私聊".encode("utf-32-le") not in written


@pytest.mark.parametrize("name", ["card.json", "weights-0.npy"])
def test_a_missing_file_makes_the_model_unavailable(damaged: Path, name: str) -> None:
    (damaged / name).unlink()
    with pytest.raises(ModelUnavailable, match=r"xunqun model train"):
        Model.load(damaged)


@pytest.mark.parametrize("name", ["card.json", "weights-0.npy"])
@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_truncated_file_makes_the_model_unavailable(damaged: Path, name: str, keep: float) -> None:
    content = (damaged / name).read_bytes()
    (damaged / name).write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ModelUnavailable, match=r"damaged|truncated"):
        Model.load(damaged)


def test_one_changed_byte_makes_the_model_unavailable(damaged: Path) -> None:
    content = bytearray((damaged / "weights-0.npy").read_bytes())
    content[-1] ^= 1
    (damaged / "weights-0.npy").write_bytes(content)
    with pytest.raises(ModelUnavailable, match="changed"):
        Model.load(damaged)


@pytest.mark.parametrize("field", ["format", "features", "rows"])
def test_a_model_of_another_version_is_unavailable(damaged: Path, field: str) -> None:
    card = json.loads((damaged / "card.json").read_text(encoding="utf-8"))
    card[field] += 1
    (damaged / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="made for"):
        Model.load(damaged)


def test_serving_imports_no_training_library(folder: Path) -> None:
    program = (
        "import sys; from classifiers.folding import fold_batch; from classifiers.trained import registry, serve;"
        f"serve.Model.load({str(folder)!r}).score(fold_batch(['收到']));"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'sklearn', 'scipy', 'pandas', 'jieba'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_masks_and_placeholders_are_taken_out() -> None:
    assert clean("您好 , NAME 商城 DIGIT 折 , 详询 CELLPHONE", "fbs_sms") == "您好,商城0折,详询"
    assert clean("全场xx元起", "sms10k") == "全场0元起"
    assert clean("meet at <TIME> <#> pm", "nus_sms_en") == "meet at 0 0 pm"
    assert clean("请 NAME 到", OWN) == "请 NAME 到"


def written(folder: Path, name: str, *rows: dict[str, object]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path = folder / name
    path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())


def test_what_is_off_topic_is_said_by_work_talk_alone(tmp_path: Path) -> None:
    """Private messages are no work talk: they neither teach nor count what is off topic, nor count the employer's name."""
    written(tmp_path, "nus_sms_zh.train.jsonl.gz", {"text": "晚上吃火锅吗", "label": "ok", "source": "nus_sms_zh"})
    written(tmp_path, "work.jsonl", {"text": "图纸今天归档", "label": "ok"})
    written(tmp_path, "off_topic.jsonl", {"text": "今晚打牌缺一个", "label": "off_topic"})
    rows = read_rows(tmp_path, tmp_path, ("nus_sms_zh",))
    said = dict(zip(rows.texts, rows.says.tolist(), strict=True))
    column = TRAINED_CATEGORIES.index("off_topic")
    assert {text: says[column] for text, says in said.items()} == {
        "图纸今天归档": -1,
        "今晚打牌缺一个": 1,
        "晚上吃火锅吗": 0,
    }
    for category in ("off_topic", "reputation", "quarrel"):
        assert rows.source[rows.believed(category)].tolist() == [OWN]
    assert set(rows.source[rows.believed("gambling")]) == {OWN, "nus_sms_zh"}


def test_a_text_that_is_fine_for_one_category_may_be_of_another(tmp_path: Path) -> None:
    row = {"text": "拼奶茶吗，差两杯", "label": "ok", "near": "ads", "says": {"off_topic": 1}}
    written(tmp_path, "ok_near_ads.jsonl", row)
    (says,) = read_rows(None, tmp_path, ()).says
    assert (says[TRAINED_CATEGORIES.index("off_topic")], says[TRAINED_CATEGORIES.index("ads")]) == (1, -1)


def test_permissive_sources_have_permissive_licences() -> None:
    assert {LICENCES[name] for name in PERMISSIVE} == {"MIT", "Apache-2.0"}


def a_figure(source: str, share: float) -> Figure:
    return Figure("ads", source, "left_out", 0.9, evaluate.wilson(round(share * 1000), 1000), None)


@pytest.mark.parametrize(("permissive", "default"), [(0.46, "permissive"), (0.44, "full")])
def test_the_permissive_variant_is_default_within_five_points(folder: Path, permissive: float, default: str) -> None:
    import msgspec

    card = Model.load(folder).card
    cards = [
        msgspec.structs.replace(card, variant=name, figures=(a_figure("one", share), a_figure("other", share)))
        for name, share in (("permissive", permissive), ("full", 0.5))
    ]
    compared = evaluate.compare(cards)
    assert compared.default == default
    assert "46" in compared.because or "44" in compared.because
    assert "| ads | one |" in compared.markdown()


def test_wilson_interval() -> None:
    """Source: Newcombe, Statistics in Medicine 17 (1998) 857, table I: 15 of 148."""
    found = evaluate.wilson(15, 148)
    assert (found.low, found.high) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert evaluate.wilson(0, 0).high == 1.0


def test_auc_counts_ties_half() -> None:
    assert evaluate.auc(np.array([1.0, 2.0]), np.array([0.0, 1.0])) == 0.875


# What the shipped default model must get right: plain offences reach this cut, ordinary work talk stays below review.
OFFENCES = [
    ("ads", 20000, "低价转让小区车位一个，价格可议，需要的联系我13900000000"),
    ("ads", 20000, "兼职刷单，一单一结，日赚200-500，有意加扣扣"),
    ("ads", 1000, "本人有一地下车位出售，负一层靠电梯口，9.8万，有意私聊"),
    ("ads", 1000, "我老婆开了个奶茶店，开业全场八折，欢迎大家来捧场，地址加我微信发你"),
    ("ads", 1000, "朋友圈招代理啦，零门槛，在家带娃日入三百，想了解的加我"),
    ("ads", 1000, "自家果园的赣南脐橙，59一箱包邮，要的私我下单"),
    ("ads", 1000, "专业代开发票，点数低，真票可验，需要的加微信"),
    ("ads", 1000, "加薇信xk8892领取内部优惠券，全场一折起"),
    ("fraud", 1000, "我是王总，现在在开会不方便接电话，你先给这个账户转8万，回头补流程"),
    ("fraud", 20000, "您的银行卡因异常已被冻结，请点击链接验证身份并输入验证码解冻"),
    ("gambling", 20000, "澳门新葡京线上娱乐，首充送88，提款秒到"),
    ("gambling", 20000, "今晚世界杯下注的来，赔率高，上下分找我"),
    ("gambling", 1000, "时时彩计划群，跟着老师投注日赢三千"),
    ("porn", 20000, "同城约炮，学生妹上门服务，加微信看照片"),
    ("porn", 1000, "裸聊一对一，美女在线，50一次"),
    ("abuse", 1000, "脑残吧你，这种方案也敢拿出来，丢人现眼"),
    ("abuse", 1000, "老李你就是个没用的垃圾，活该被骂"),
    ("abuse", 1000, "滚你妈的，废物东西"),
    ("rumour", 1000, "听说公司要倒闭了，工资都发不出来，大家赶紧找下家"),
    ("leak", 1000, "客户名单和底价我发你们，千万别外传"),
    ("incitement", 1000, "明天大家都别上班，一起去总部门口讨说法，把大门堵了"),
    ("violence", 1000, "下班别走，老子在门口等你，见一次打一次"),
    ("off_topic", 1000, "昨晚那场球看了没，最后一分钟绝杀，太刺激了"),
    ("reputation", 1000, "我们公司就是骗子窝，大家千万别来，传出去让人看看"),
    ("quarrel", 1000, "你算老几，轮得到你在这指手画脚，少跟我来这套"),
]
ORDINARY = [
    "收到",
    "LPR今日下调,对我们流贷成本的影响见附表",
    "滤袋三家报价:甲38.5、乙41.2、丙36.9元,含税,请评审",
    "年会红包预算控制在5000元以内，行政部报一下明细",
    "今天走访了7户,台账已补齐,表格见附件",
    "外出报备:下午去住建局对接管网项目,五点前回",
    "请财务核对一下供应商的开票信息，发票抬头不要写错",
    "反诈宣传：凡是让你转账到安全账户的都是诈骗，请大家提高警惕",
    "@张伟 合同第三条付款方式改一下，预付30%，验收后付70%",
    "代理商大会定于下月5号在杭州召开，请区域经理提前订票",
    "公司不允许在群里发广告、拉票、砍价链接，违者移出",
    "禁止赌博，发现打牌赌钱的按制度处理",
    "我笨，刚才表格又填错了，抱歉",
    "保密文件请走OA流程，不要在群里传",
    "关于网传裁员的消息不属实，请以公司公告为准",
    "招聘：质检员2名，有推荐的朋友发简历到HR邮箱",
    "市场部把优惠活动的海报改一下，八折写成了九折",
    "本月加班费已核算，有疑问找人事小王",
]


@pytest.fixture(scope="module")
def shipped() -> Model:
    return Model.load(registry.default_dir())


@pytest.mark.parametrize(("category", "one_in", "text"), OFFENCES)
def test_plain_offences_reach_the_cut(shipped: Model, category: str, one_in: int, text: str) -> None:
    score = shipped.score(fold_batch([text]))[0, shipped.categories.index(category)]
    (head,) = (head for head in shipped.card.heads if head.category == category)
    # The normal messages of the card show 1 in 20,000, but not surely enough for anybody to act on (`Model.cut`).
    (cut,) = (quantile.score for quantile in head.quantiles if quantile.one_in == one_in)
    assert score >= cut


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_work_talk_is_not_reviewed(shipped: Model, text: str) -> None:
    scores = shipped.score(fold_batch([text]))[0]
    assert [c for c, s in zip(shipped.categories, scores, strict=True) if s >= shipped.cut(c, 1 / 1000)] == []


@pytest.mark.parametrize("variant", registry.VARIANTS)
def test_shipped_models_are_whole(variant: str) -> None:
    model = Model.load(registry.default_dir(variant))
    assert set(model.categories) <= set(TRAINED_CATEGORIES)
    assert all(file.stat().st_size < 3_000_000 for file in registry.default_dir(variant).iterdir())
    assert {artifact.variant for artifact in registry.list_artifacts() if artifact.unavailable is None} == {
        "permissive",
        "full",
    }


def test_an_unknown_variant_is_unavailable() -> None:
    with pytest.raises(ModelUnavailable, match="permissive or full"):
        registry.default_dir("latest")
