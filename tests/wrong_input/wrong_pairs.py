"""Options that exclude each other, words that are no options, and files that are no checkpoints."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tests.wrong_input.program_runs import Case
from tests.wrong_input.wrong_ranges import BEYOND, LONG

NETWORK = f"""
hidden_size | --model.max_parameters=null --model.hidden_size=0
hidden_size | --model.max_parameters=null --model.hidden_size=-1
hidden_size | --model.max_parameters=null --model.hidden_size=1000000000
hidden_size | --model.max_parameters=null --model.hidden_size={BEYOND}
hidden_size max_parameters | --model.hidden_size=3
hidden_size max_parameters | --model.max_parameters=null
nonlinearity | --model.cell=irnn --model.nonlinearity=tanh
bias_scale | --model.cell=irnn --model.initialization.bias_scale=1
recurrent | --model.cell=irnn --model.initialization.recurrent=normal
depth | --model.cell=intersection --model.depth=1
recurrent_scale | --model.cell=gru "--model.initialization.recurrent_scale={{update: 1.0}}"
b_fg | --model.cell=gru "--model.b_fg={{no_such: 1.0}}"
layer_rates | --model.freeze=[0] "--model.layer_rates=[1.0, 1.0]"
optimizer | --model.optimizer=SGD --model.optimizer.nesterov=true
betas | --model.optimizer=SGD "--model.optimizer.betas=[0.9, 0.99]"
optimizer | --model.optimizer.fused=true --model.optimizer.foreach=true
momentum optimizer | --model.optimizer=SGD --model.optimizer.momentum=.nan
decay | --model.schedule=TotalDecay --model.schedule.decay=0
decay | --model.schedule=TotalDecay --model.schedule.decay=.nan
step_size schedule | --model.schedule=StepLR --model.schedule.step_size=0
max_lr schedule | --model.schedule=OneCycleLR
max_lr | --model.schedule=OneCycleLR --model.schedule.max_lr=x
T_max schedule | --model.schedule=CosineAnnealingLR --model.schedule.T_max=0
start_factor schedule | --model.schedule=LinearLR --model.schedule.start_factor=2
gamma schedule | --model.schedule=ExponentialLR --model.schedule.gamma=.nan
decay schedule | --model.schedule.decay=0.5
cell model | --model.cell
depth model | --model.depth
depth | --model.depth=null
ünï | --model.ünï=1
dept | --model.dept=1
modl modl.depth | --modl.depth=1
network network.depth | --model.network.depth=1
depth depth.x | --model.depth.x=1
model | --model=os.system
model | --model=null
model | --model=[1]
"""

TASKS = """
samples samples_per_parameter | --data.samples=30
samples samples_per_parameter | --data.samples_per_parameter=null
samples input_size | --data.input_size=4
loss_from | --data.steps=3 --data.loss_from=4
classes | --data=Memory --data.classes=2
tau | --data=Memory --data.tau=2
data | --data=Foo
data | --data=
data | --data=3
data | --data=[1]
data | --data=os.system
"""

LANGUAGE = """
steps batch_size | --data.order=streams --data.batch_size=5000
unknown | --data.path=short.txt --data.unknown=ab
validation_share test_share | --data.validation_share=0.5 --data.test_share=0.5
warmup | --data.steps=10 --data.warmup=10
download corpus | --data.corpus=text8 --data.cache_dir=folder
"""

RUN = f"""
run ckpt_path | --run=a --ckpt_path=last.ckpt
run | --run=a --trainer.logger=false
run | --run=a --trainer.fast_dev_run=true
run | --run=../a
run | --run=/a
run | --run=
run | --run=.
run | --run=$NO_SUCH_VARIABLE
run | --run={LONG}
devices | --trainer.strategy=ddp --trainer.accelerator=cpu --trainer.devices=0
min_steps max_steps | --trainer.max_steps=2 --trainer.min_steps=5
log_model | --trainer.logger=WandbLogger --trainer.logger.log_model=true --trainer.logger.offline=true
no_such | --trainer.logger=WandbLogger --trainer.logger.no_such=1
overfit_batches limit_train_batches | --trainer.overfit_batches=1 --trainer.limit_train_batches=0
seed_everything | --seed_everything=-1
seed_everything | --seed_everything={BEYOND}
seed_everything | --seed_everything=x
weights_only | --weights_only=maybe
trainer | --trainer=null
trainer | --trainer=3
trainer | --trainer=[1]
config | --config
word | word
x | -x
ünï | --ünï=1
trials | --trials=3
sweep | --sweep=sweep.yaml
ckpt_path | --ckpt_path=
print_config | --print_config=x
"""

VALIDATE = f"""
run | --run=a
ckpt_path | --ckpt_path=null
ckpt_path | --ckpt_path=best
ckpt_path | --ckpt_path=nowhere.ckpt
ckpt_path | --ckpt_path=empty
ckpt_path | --ckpt_path=text.txt
ckpt_path | --ckpt_path=binary
ckpt_path | --ckpt_path=truncated.ckpt
ckpt_path | --ckpt_path=flipped.ckpt
ckpt_path | --ckpt_path=pickled.ckpt
ckpt_path | --ckpt_path=list.ckpt
ckpt_path | --ckpt_path=state.ckpt
ckpt_path | --ckpt_path=folder
ckpt_path | --ckpt_path=pipe
ckpt_path | --ckpt_path={LONG}
cell | --model.cell=gru
depth | --model.depth=2
max_parameters | --model.max_parameters=400
data input_size | --data=Memory
"""

PREDICT = """
ckpt_path | --ckpt_path=null
ckpt_path | --ckpt_path=text.txt
ckpt_path model data | --ckpt_path=last.ckpt
characters alphabet | --data.characters=7
return_predictions | --return_predictions=true
"""

SEARCH = """
method | --method=random
sweep | --sweep=null
resume | --resume
max_epochs | --trainer.max_epochs=3
fast_dev_run | --trainer.fast_dev_run=true
strategy | --trainer.strategy=ddp
callbacks | --trainer.callbacks=ModelCheckpoint
dept | --model.dept=1
seed_everything | --seed_everything=1
"""


def wrong_pairs() -> Iterator[Case]:
    """Yield a command line for each line of the texts: words of which the answer must have one, and the options."""
    for command, task, text in (
        ("fit", "random_mapping", NETWORK + TASKS + RUN),
        ("fit", "language", LANGUAGE),
        ("validate", "random_mapping", VALIDATE),
        ("predict", "language", PREDICT),
        ("search", "random_mapping", SEARCH),
    ):
        for line in filter(None, text.splitlines()):
            names, _, options = line.partition(" | ")
            yield Case(command, tuple(shlex.split(options)), tuple(names.split()), task)
    yield Case("predict", (), ("data",))  # a task without text
    yield Case("fit", (), ("data",), base=None)
    yield Case("search", (), ("sweep", "data"), base=None)
    for command in ("", "train", "ünï", "--no_such", "FIT"):
        yield Case(command, (), ("COMMAND", "command", "no_such"), base=None)
