"""Short stories from a small grammar: the training, calibration and evaluation text of the default model.

Every story follows one or two people through one of five plots. Names, things and places come back later in the story, so
that a model has to attend to earlier sentences and not only to the last words. Seeded: the same seed gives the same text.
"""

import random

PEOPLE = [
    ("Mira", "she", "her"), ("Tomas", "he", "his"), ("Ada", "she", "her"), ("Jonas", "he", "his"),
    ("Lena", "she", "her"), ("Piotr", "he", "his"), ("Nora", "she", "her"), ("Emil", "he", "his"),
    ("Sofia", "she", "her"), ("Karl", "he", "his"), ("Yuki", "she", "her"), ("Omar", "he", "his"),
]
PLACES = [
    "by the river", "near the old mill", "on a quiet hill", "at the edge of the forest", "beside the harbour",
    "in a small village", "above the bakery", "behind the station", "next to the library", "at the end of a long road",
]
THINGS = [
    ("radio", "a new wire"), ("clock", "a small spring"), ("lamp", "a clean switch"), ("bicycle", "a longer chain"),
    ("kite", "a lighter frame"), ("boat", "a strong rope"), ("camera", "a clear lens"), ("music box", "a tiny gear"),
    ("telescope", "a round mirror"), ("robot", "a fresh battery"), ("weather station", "a better cable"),
]
FOUND = ["under the bridge", "in the garden", "behind the barn", "at the market", "on the beach", "in the attic"]
MORNINGS = [
    "One morning", "On a cold day", "After the rain", "Early in spring", "When the sun came up", "On the first day of summer",
    "Late in the evening", "One windy afternoon",
]
WEATHER = ["rain", "snow", "wind", "fog", "sun", "thunder"]
FEELINGS = ["happy", "proud", "tired", "calm", "curious", "surprised", "worried", "glad"]
FOODS = ["warm bread", "apple cake", "hot soup", "sweet tea", "fresh berries", "honey toast"]
ANIMALS = [("dog", "barked"), ("cat", "purred"), ("bird", "sang"), ("horse", "waited"), ("goat", "jumped"), ("fox", "listened")]
LESSONS = [
    "small steps bring you far", "good questions are worth more than quick answers", "a friend makes hard work light",
    "what is measured can be made better", "patience is a kind of courage", "careful hands need no luck",
    "you can always try once more", "sharing a thing makes it bigger",
]


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


class Story:
    """One story: picks its cast first, then tells sentences about it."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        (self.a, self.she, self.her), (self.b, self.he, self.his) = rng.sample(PEOPLE, 2)
        self.place = rng.choice(PLACES)
        self.thing, self.part = rng.choice(THINGS)
        self.where = rng.choice(FOUND)
        self.animal, self.sound = rng.choice(ANIMALS)
        self.food = rng.choice(FOODS)
        self.weather = rng.choice(WEATHER)
        self.days = rng.choice(["two", "three", "four", "five", "six"])

    def one_of(self, *variants: str) -> str:
        return self.rng.choice(variants)

    def opening(self) -> list[str]:
        return [self.one_of(
            f"{self.a} lived {self.place} with {self.her} {self.animal}.",
            f"There was once a child named {self.a} who lived {self.place}.",
            f"{capital(self.place)} there lived a friendly person called {self.a}.",
            f"{self.a} and {self.b} were good friends who lived {self.place}.",
        )]

    def ending(self) -> list[str]:
        lesson = self.rng.choice(LESSONS)
        feeling = self.rng.choice(FEELINGS)
        return [
            self.one_of(
                f"In the evening {self.a} and {self.b} shared {self.food} and felt {feeling}.",
                f"That night {self.a} was {feeling}, and the {self.animal} {self.sound} softly.",
                f"{self.b} smiled, and {self.a} felt {feeling} for the rest of the day.",
            ),
            self.one_of(
                f"From that day on {self.a} knew that {lesson}.",
                f'"Remember," said {self.b}, "{lesson}."',
                f"They had learned that {lesson}.",
            ),
        ]

    def repair(self) -> list[str]:
        when = self.rng.choice(MORNINGS)
        return [
            f"{when} {self.a} found an old {self.thing} {self.where}.",
            self.one_of(f"It was dusty and it did not work.", f"It was broken, but it was beautiful.", f"It made no sound at all."),
            self.one_of(
                f"{capital(self.she)} carried the {self.thing} to {self.b}, who could repair almost everything.",
                f"{capital(self.she)} asked {self.b} to help {'her' if self.her == 'her' else 'him'} with the {self.thing}.",
            ),
            f'{self.b} looked at it for a while and said, "It needs {self.part}."',
            self.one_of(
                f"They searched the whole house until they found {self.part}.",
                f"They walked to the market and bought {self.part}.",
                f"It took them {self.days} days to find {self.part}.",
            ),
            self.one_of(
                f"When {self.b} put it in, the {self.thing} worked again.",
                f"Slowly the {self.thing} came back to life.",
                f"At last the {self.thing} worked better than before.",
            ),
        ]

    def lost(self) -> list[str]:
        return [
            f"{self.rng.choice(MORNINGS)} the {self.animal} was gone.",
            self.one_of(f"{self.a} looked {self.where}, but there was nobody.", f"{self.a} called and called, but nothing answered."),
            f"{capital(self.she)} asked {self.b}, and together they followed the small tracks.",
            self.one_of(
                f"The tracks led past the {self.rng.choice(['church', 'school', 'bakery', 'tower'])} and ended {self.where}.",
                f"The {self.weather} made it hard to see, but they did not give up.",
            ),
            f"There sat the {self.animal} beside an old {self.thing} and {self.sound}.",
            f"{self.a} laughed and gave the {self.animal} some {self.food}.",
        ]

    def learning(self) -> list[str]:
        return [
            f"{self.a} wanted to build a {self.thing}, but {self.she} did not know how.",
            f"So {self.she} went to {self.b} and asked many questions.",
            f'"First you need {self.part}," said {self.b}, "and then you need time."',
            self.one_of(
                f"For {self.days} days {self.a} tried, and every day {self.she} made a new mistake.",
                f"The first {self.thing} fell apart, and the second one was too heavy.",
            ),
            self.one_of(
                f"{self.b} did not laugh but showed {self.a} what to change.",
                f"{self.a} wrote down every mistake in a little book.",
            ),
            f"On the last day the {self.thing} was ready, and it was better than {self.a} had hoped.",
        ]

    def storm(self) -> list[str]:
        return [
            f"{self.rng.choice(MORNINGS)} {self.a} and {self.b} planned to take the {self.thing} to the market.",
            f"But the {self.weather} came, and the road was closed for {self.days} days.",
            self.one_of(
                f'"Let us stay here and drink something warm," said {self.b}.',
                f'"We can wait," said {self.b}, "the market will still be there."',
            ),
            f"They ate {self.food} and told each other stories about the {self.animal}.",
            f"When the {self.weather} was over, {self.a} opened the door and looked outside.",
            f"The {self.thing} was still there, and everything was quiet.",
        ]

    def measure(self) -> list[str]:
        return [
            f"{self.a} had a little machine that was very slow.",
            f'"Why is it slow?" asked {self.b}.',
            self.one_of(
                f'"I do not know," said {self.a}, "so I will measure every step."',
                f'"Nobody knows before somebody measures," said {self.a}.',
            ),
            f"{capital(self.she)} wrote the time of each step in a long table.",
            self.one_of(
                f"The {self.days} slowest steps were all of the same kind.",
                f"One step took more time than all the others together.",
            ),
            f"They changed it, measured again, and the machine was {self.rng.choice(['twice', 'three times', 'four times'])} as fast.",
        ]

    def tell(self) -> str:
        plot = self.rng.choice([self.repair, self.lost, self.learning, self.storm, self.measure])
        return " ".join([*self.opening(), *plot(), *self.ending()])


def stories(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [Story(rng).tell() for _ in range(count)]


if __name__ == "__main__":
    print("\n\n".join(stories(1, 4)))
