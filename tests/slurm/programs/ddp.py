"""One step of data-parallel training on processors: an all_reduce, and gradients that are the same on all ranks."""
import os

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
total = torch.tensor([float(rank)])
dist.all_reduce(total)
torch.manual_seed(0)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
model(torch.full((4, 2), float(rank))).sum().backward()
gradient = model.module.weight.grad.flatten().tolist()
dist.barrier()
os.write(1, f"rank {rank} of {size} on {os.environ['SLURMD_NODENAME']}: sum {total.item():.0f}, gradient {gradient}, torch {torch.__version__}\n".encode())
dist.destroy_process_group()
