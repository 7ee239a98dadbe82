"""What is known of the material: subjects of pages, questions to texts, the words of recordings."""

from __future__ import annotations

from collections.abc import Mapping

#: Description files of scikit-learn: a question, the file, and words of the passage that answers.
TEXT_QUESTIONS: Mapping[str, tuple[str, str]] = {
    "which rodents live in Peru": ("species_distributions.rst", "Rice Rat"),
    "pictures of well-known people gathered from the web": ("lfw.rst", "famous people"),
    "algorithm that finds faces in photographs": ("lfw.rst", "Viola-Jones"),
    "flower measurements by Fisher": ("iris.rst", "famous Iris database"),
    "what does median house price depend on in the census": ("california_housing.rst", "census"),
    "vacation resorts with many empty homes": ("california_housing.rst", "vacation resorts"),
    "chemical analysis of wines from one region of Italy": ("wine_data.rst", "Italy"),
    "middle-aged men doing exercise in a gym": ("linnerud.rst", "fitness"),
    "blood pressure and body mass of patients": ("diabetes.rst", "blood"),
    "dominant species of tree in a patch of land": ("covtype.rst", "forest"),
    "simulated attacks on a computer network": ("kddcup99.rst", "attacks"),
    "archive of news agency stories": ("rcv1.rst", "newswire"),
    "portraits taken with and without glasses against a dark background": (
        "olivetti_faces.rst",
        "glasses",
    ),
    "bitmaps of handwritten numbers from a form": ("digits.rst", "preprinted form"),
    "needle biopsy of a tumour": ("breast_cancer.rst", "needle aspirate"),
    "posts on twenty topics split by date": ("twenty_newsgroups.rst", "20 topics"),
    "how to strip headers and signatures so that a classifier does not overfit": (
        "twenty_newsgroups.rst",
        "headers",
    ),
    "linear programming to find a separating plane": ("breast_cancer.rst", "Linear Programming"),
}

#: A page each: its title, what stands on it, and a question in other words.
PAGES: tuple[tuple[str, str, str], ...] = (
    ("Walruses", "The walrus rests on drifting ice and dives for clams on the sea floor.",
     "marine mammal with tusks looking for food"),
    ("Espresso", "Espresso is brewed by pressing hot water through finely ground coffee.",
     "how is strong coffee made"),
    ("Volcanoes", "Lava flows from the crater when magma rises through the crust.",
     "molten rock coming out of a mountain"),
    ("Bicycles", "The chain carries the force of the pedals to the rear wheel.",
     "drive of a two-wheeler"),
    ("Violins", "The bow is drawn over four strings, and the body of spruce and maple resounds.",
     "string instrument played in an orchestra"),
    ("Glaciers", "Snow that does not melt in summer turns to ice and creeps down the valley.",
     "slow river of ice"),
    ("Bread", "Yeast makes the dough rise; a hot oven gives the loaf its crust.",
     "baking at home"),
    ("Lighthouses", "A lamp behind a lens warns ships of rocks at night.",
     "signal for sailors on the coast"),
    ("Chess", "The queen moves along ranks, files and diagonals; the game ends with mate.",
     "board game with kings and pawns"),
    ("Vaccines", "A weakened germ teaches the body to fight the real one.",
     "immunisation against disease"),
    ("Printing", "Movable type of lead was inked and pressed on paper by Gutenberg.",
     "invention of books made by machine"),
    ("Tides", "Twice a day the moon draws the water of the sea up the beach.",
     "why the sea rises and falls"),
    ("Mortgages", "The bank lends money for a house and takes the house as security.",
     "loan to buy a home"),
    ("Beekeeping", "The colony stores honey in combs of wax, and the keeper takes a part of it.",
     "insects that make something sweet"),
    ("Satellites", "A satellite falls around the earth so fast that it never comes down.",
     "spacecraft in orbit"),
    ("Silk", "The caterpillar spins a thread of a kilometre, which is unwound and woven.",
     "fabric from a moth's cocoon"),
    ("Elections", "Each citizen marks a ballot in secret, and the votes are counted in public.",
     "how people choose their government"),
    ("Earthquakes", "Two plates that were stuck slip, and waves run through the ground.",
     "shaking of the ground and seismographs"),
    ("Tea", "Leaves are withered, rolled and dried; boiling water draws out the taste.",
     "hot drink from leaves"),
    ("Football", "Eleven players a side try to kick the ball into the other goal.",
     "soccer match rules"),
    ("Compasses", "A magnetised needle turns until it points to the north.",
     "tool to find the direction"),
    ("Antibiotics", "A mould in a forgotten dish killed the bacteria around it: penicillin.",
     "drug against infection found by accident"),
    ("Bridges", "Cables hung between two towers hold the road above the strait.",
     "suspension structure crossing water"),
    ("Owls", "The owl hears a mouse under the snow and flies without a sound.",
     "nocturnal bird of prey"),
)  # fmt: skip

#: What is read in the recordings of moonshine-voice.
SPOKEN: Mapping[str, str] = {
    "two_cities": """It was the best of times, it was the worst of times, it was the age of wisdom,
    it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity, it
    was the season of light, it was the season of darkness, it was the spring of hope, it was the
    winter of despair, we had everything before us, we had nothing before us, we were all going
    direct to heaven, we were all going direct the other way. In short, the period was so far like
    the present period, that some of its noisiest authorities insisted on its being received, for
    good or for evil, in the superlative degree of comparison only.""",
    "beckett": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
}

#: A question, and words of the utterance that answers.
SPOKEN_QUESTIONS: Mapping[str, str] = {
    "the time of wisdom and folly": "wisdom",
    "what was believed and what was not": "epoch of",
    "darkness and light": "darkness",
    "cold season without hope": "despair",
    "we owned everything": "everything",
    "the way to heaven": "heaven",
    "loud authorities": "authorities",
    "the highest degree of comparison": "superlative",
    "trying and failing once more": "fail",
    "good or evil": "evil",
}

#: What stands on the photographed page of scikit-image (page.png), as far as it is whole.
PRINTED = """Region-based segmentation
Let us first determine markers of the coins and the
background. These markers are pixels that we can label
unambiguously as either object or background. Here,
the markers are found at the two extreme parts of the
histogram of grey values:
>>> markers = np.zeros_like(coins)"""
