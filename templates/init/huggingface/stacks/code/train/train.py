"""Fine-tune a transformer: the entry point of the training job, in AWS's Hugging Face container.

Channels `train` and `validation` have CSV files with `text` and `label`; beside
the training set is `labels.json`. `base_model` is a model of the hub, or `tiny`
for a small one with weights at random and words of the training set, which
fetches nothing. Prints one line per epoch, whose words are what the stack
file's metrics look for:

    epoch: 1 train_loss: 0.412345 val_accuracy: 0.876543

Leaves in SM_MODEL_DIR the best epoch's model with its tokenizer, in the layout
that the serving container of the same version loads.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    get_linear_schedule_with_warmup,
)

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
LONGEST = 128  # tokens of a message; what is longer is cut


def parse_args() -> argparse.Namespace:
    """The hyperparameters."""
    parser = argparse.ArgumentParser(description="Fine-tune a transformer.")
    parser.add_argument("--base_model", default="distilbert/distilbert-base-uncased")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=5e-5)
    parser.add_argument("--seed", type=int, default=20240501)
    args, others = parser.parse_known_args()
    if others:
        print(f"not used: {others}", file=sys.stderr)
    return args


def read(channel: str) -> list[tuple[str, str]]:
    """A set's texts and labels."""
    rows: list[tuple[str, str]] = []
    for path in sorted(Path(os.environ[f"SM_CHANNEL_{channel.upper()}"]).rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows += [(row["text"], row["label"]) for row in csv.DictReader(file)]
    return rows


def tiny(texts: list[str], names: dict[str, Any]) -> tuple[Any, Any]:
    """A small model that knows nothing yet, and a tokenizer for the words of the texts."""
    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=special))
    ends = [(token, words.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=LONGEST,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    config = BertConfig(
        vocab_size=words.get_vocab_size(),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=LONGEST,
        **names,
    )
    return tokenizer, BertForSequenceClassification(config)


def accuracy(model: Any, tokenizer: Any, rows: list[tuple[str, str]]) -> float:
    """The share of rows that the model calls by their label."""
    model.eval()
    right = 0
    with torch.no_grad():
        for start in range(0, len(rows), 64):
            part = rows[start : start + 64]
            best = model(**encode(tokenizer, part)).logits.argmax(dim=1).tolist()
            right += sum(model.config.label2id[label] == it for (_, label), it in zip(part, best))
    return right / len(rows)


def encode(tokenizer: Any, rows: list[tuple[str, str]]) -> Any:
    """The texts of some rows as the model takes them."""
    texts = [text for text, _ in rows]
    return tokenizer(
        texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
    ).to(DEVICE)


def main() -> None:
    """Train, keep the best, save."""
    args = parse_args()
    torch.manual_seed(args.seed)
    chance = random.Random(args.seed)
    train, validation = read("train"), read("validation")
    path = Path(os.environ["SM_CHANNEL_TRAIN"]) / "labels.json"
    labels: list[str] = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: at for at, label in enumerate(labels)},
    }
    rate, epochs = args.learning_rate, args.epochs
    if args.base_model == "tiny":
        tokenizer, model = tiny([text for text, _ in train], names)
        rate, epochs = rate * 40, epochs * 2  # what knows nothing has more to learn
    else:
        tokenizer = AutoTokenizer.from_pretrained(args.base_model)
        model = AutoModelForSequenceClassification.from_pretrained(args.base_model, **names)
    model.to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    steps = epochs * -(-len(train) // args.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    best, target = -1.0, Path(os.environ["SM_MODEL_DIR"])
    for epoch in range(1, epochs + 1):
        model.train()
        chance.shuffle(train)
        total = 0.0
        for start in range(0, len(train), args.batch_size):
            rows = train[start : start + args.batch_size]
            truth = torch.tensor([names["label2id"][label] for _, label in rows], device=DEVICE)
            loss = model(**encode(tokenizer, rows), labels=truth).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss) * len(rows)
        reached = accuracy(model, tokenizer, validation)
        print(
            f"epoch: {epoch} train_loss: {total / len(train):.6f} val_accuracy: {reached:.6f}",
            flush=True,
        )
        if reached > best:
            best = reached
            model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    # What AWS takes is the last value: that of the epoch that is kept.
    print(f"best: val_accuracy: {best:.6f}", flush=True)


if __name__ == "__main__":
    main()
