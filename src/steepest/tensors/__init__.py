"""PyTorch's tensors under a method: by a fused kernel on the CPU, by torch's own operations elsewhere.

Needs PyTorch; imported by what moves its tensors, the drop-ins for torch and for Keras on torch.
"""

from ._lists import move_each as move_each
from ._lists import move_lists as move_lists
from ._memory import Alike as Alike
from ._memory import Memory as Memory
from ._memory import Scalars as Scalars
from ._memory import empty_like as empty_like
from ._memory import wide as wide
from ._threads import torch_team as torch_team
from ._untraced import untraced as untraced
