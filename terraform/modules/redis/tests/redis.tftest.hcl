mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name       = "test"
  vpc_id     = "vpc-1"
  subnet_ids = ["subnet-1", "subnet-2"]
  clients    = { route = "sg-1" }
  password   = "0123456789abcdef"
}

run "one_shard_has_failover_and_no_cluster" {
  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 2 && aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "want a primary and a replica, in other zones, with failover"
  }
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.at_rest_encryption_enabled
    error_message = "want encryption"
  }
  assert {
    condition     = contains([for p in aws_elasticache_parameter_group.this.parameter : "${p.name}=${p.value}"], "maxmemory-policy=noeviction")
    error_message = "a store must not evict"
  }
  assert {
    condition     = startswith(output.url, "rediss://cim@")
    error_message = "URL ${output.url} is not of one server with TLS"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 6
    error_message = "want three alarms for each of two servers"
  }
}

run "shards_make_a_cluster" {
  variables {
    shards           = 3
    alarm_topic_arns = null
  }
  assert {
    condition     = aws_elasticache_replication_group.this.num_node_groups == 3 && aws_elasticache_replication_group.this.replicas_per_node_group == 1 && startswith(output.url, "rediss+cluster://cim@")
    error_message = "want three masters with a replica each"
  }
  assert {
    condition     = contains([for p in aws_elasticache_parameter_group.this.parameter : "${p.name}=${p.value}"], "cluster-enabled=yes")
    error_message = "the parameter group is not for a cluster"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0
    error_message = "no alarms were asked for"
  }
}

run "half_a_replica_is_refused" {
  command = plan
  variables { replicas = 0.5 }
  expect_failures = [var.replicas]
}

run "the_default_user_has_a_password_and_can_do_nothing" {
  assert {
    condition     = aws_elasticache_user.default.access_string == "off ~keys* -@all" && length(aws_elasticache_user.default.authentication_mode) == 0
    error_message = "the user called default can do something, or a Valkey group refuses it"
  }
}
