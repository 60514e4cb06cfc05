# The least that shows everything: one small node, one small store without a replica, a
# route, no ZooKeeper, no certificate, and anybody is who they say.

module "cim" {
  source = "../../aws"

  dist                 = "../../../dist"
  region               = "eu-central-1"
  name                 = "trial"
  auth                 = "open"
  plaintext            = true # clients reach the node without TLS
  zone_count           = 2
  nodes                = { type = "t4g.small", min = 1, max = 2, capacity = 20000 }
  redis                = { type = "cache.t4g.micro", replicas = 0, snapshot_days = 0 }
  secret_recovery_days = 0
  log_days             = 1
  alarm_topic_arns     = null
}
