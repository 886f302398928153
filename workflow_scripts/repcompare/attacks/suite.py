"""The attacks that a study asks for: each with its search and its balls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repcompare.attacks.balls import Ball, parse_ball
from repcompare.attacks.pgd import Search
from repcompare.names import CONTROL, MAIN


@dataclass(frozen=True)
class Attack:
    """An attack by name, its search (None: random noise) and its balls, norm by norm ascending."""

    name: str
    search: Search | None
    balls: tuple[Ball, ...]

    def group(self, ball: Ball) -> str:
        """The name of a ball's group in the file, such as `pgd-linf-8_255`."""
        return f"{self.name}-{ball.norm}-{ball.label.replace('/', '_')}"


def planned(settings: Mapping[str, Any]) -> list[Attack]:
    """The attacks that the config's `attack` asks for: `pgd`, its variants, and the noise control.

    Noise is added in every ball in which there is an attack.
    """
    attacks = [
        _attack(name, {**settings, **changes})
        for name, changes in {MAIN: {}, **settings["variants"]}.items()
    ]
    balls = dict.fromkeys(ball for attack in attacks for ball in attack.balls)
    ascending = sorted(balls, key=lambda ball: (ball.norm, ball.epsilon))
    return [*attacks, Attack(CONTROL, None, tuple(ascending))]


def _attack(name: str, settings: Mapping[str, Any]) -> Attack:
    search = Search(**{key: settings[key] for key in Search.__dataclass_fields__})
    epsilons = settings["epsilons"].items()
    balls = tuple(parse_ball(norm, epsilon) for norm, values in epsilons for epsilon in values)
    return Attack(name, search, balls)
