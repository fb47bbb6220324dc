# What is different in this cluster; variables.tf tells of each what it means, and what it is where nothing is said.
name    = "@name@"
project = "@project@"
region  = "@region@"
zone    = "@zone@"

# Nodes for users: none while nobody works. Charts find them by their labels.
node_pools = {
  user = { machine_type = "n2-highmem-4", max = 20 }
  # gpu  = { machine_type = "n1-standard-8", gpu = { type = "nvidia-tesla-t4" }, max = 4 }
  # dask = { machine_type = "n2-highmem-16", purpose = "worker", spot = true, max = 50 }
}

# A disk for an NFS server in the cluster is cheaper below 1 TiB: homes = { kind = "disk", gb = 200 }
home_storage = {
  homes = { kind = "filestore", gb = 1024 }
}

# Buckets and identities of each hub. scratch forgets; user is the role of users' servers.
hubs = {
  # staging = {
  #   buckets = { scratch = { delete_after_days = 7 } }
  #   # Its owner lets the identity in; where that is you: grant = true. requester_pays: this project pays for reading.
  #   roles   = { user = { write = ["scratch"], read = ["gs://somebody-elses-data"], requester_pays = true } }
  # }
}

# Who may deploy, and who may plan.
ci = {
  state_bucket    = "@state_bucket@"
  deploy_subjects = @deploy_subjects@
  plan_subjects   = @plan_subjects@
}

# budget = { billing_account = "000000-000000-000000", amount = 500, emails = ["you@example.org"] }
