# What is different in this cluster; variables.tf tells of each what it means, and what it is where nothing is said.
name   = "@name@"
region = "@region@"
zones  = ["@region@a", "@region@b"]

# GitHub's runners have no fixed addresses. Who comes by must still log in; name your networks where you can.
api_access = { anywhere = "0.0.0.0/0" }

# Nodes for users: none while nobody works. Charts find them by their labels.
node_pools = {
  user = { machine_type = "r6i.xlarge", max = 20 }
  # gpu  = { machine_type = "g4dn.xlarge", gpu = true, max = 4 }
  # dask = { machine_type = "r6i.4xlarge", purpose = "worker", spot = true, max = 50 }
}

# A disk for an NFS server in the cluster costs less per gigabyte: homes = { kind = "disk", gb = 200 }
home_storage = {
  homes = { kind = "efs" }
}

# Buckets and identities of each hub. scratch forgets; user is the role of users' servers.
hubs = {
  # staging = {
  #   buckets = { scratch = { delete_after_days = 7 } }
  #   # Its owner lets the role in, too; requester_pays: this account pays for reading.
  #   roles   = { user = { write = ["scratch"], read = ["s3://somebody-elses-data"], requester_pays = true } }
  # }
}

# Who may deploy, and who may plan. Where this account knows the CI already, name it: provider_arn = "arn:aws:iam::…"
ci = {
  state_bucket    = "@state_bucket@"
  deploy_subjects = @deploy_subjects@
  plan_subjects   = @plan_subjects@
}

# budget = { amount = 500, emails = ["you@example.org"] }
