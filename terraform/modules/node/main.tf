# Nodes in autoscaling groups. Clients connect to the very node that their ticket
# names, so nodes stand in public subnets and there is no balancer before them; the
# internal one here only answers "where is any node?", for gossip and for routes.
#
# Without identities there is one group, which grows and shrinks. With identities each id
# has a group of one node, with a role that reads this id's secret and no other.

data "aws_region" "current" {}

locals {
  clients = 11211
  http    = var.internal.port
  gossip  = 7946

  shared = length(var.identity_arns) == 0
  ids    = sort(keys(var.identity_arns))

  # By id; the key of the one shared group is empty. Groups of one are spread over the
  # zones here, since each of them would take the same one.
  groups = merge(local.shared ? { "" = {
    name         = var.name
    role         = "${var.name}-node"
    identity_arn = null
    subnet_ids   = var.subnet_ids
    size         = var.size
    } } : {}, { for i, id in local.ids : id => {
    name         = "${var.name}-${id}"
    role         = "${var.name}-node-${id}"
    identity_arn = var.identity_arns[id]
    subnet_ids   = [element(var.subnet_ids, i)]
    size         = { min = 1, max = 1, start = 1 }
  } })

  # A cluster of one makes itself; more wait until two know each other, or one that is
  # there already answers. So a cold start of all at once makes one cluster.
  find = (local.shared ? var.size.min : length(local.ids)) == 1 ? "-bootstrap" : "-expect 2"
}

resource "aws_launch_template" "this" {
  for_each = local.groups

  name                   = each.value.name
  image_id               = var.ami
  instance_type          = var.instance_type
  update_default_version = true
  user_data = base64encode(templatefile("${path.module}/start.sh.tftpl", {
    artifact        = var.artifact
    auth            = var.auth
    capacity        = var.capacity
    cluster         = var.name
    cluster_key_arn = var.cluster_key_arn
    drain_timeout   = var.drain_timeout
    find            = local.find
    hook            = local.hook
    id              = each.key
    identity_arn    = each.value.identity_arn
    internal        = var.internal
    log_group       = aws_cloudwatch_log_group.this.name
    name            = each.value.name
    region          = data.aws_region.current.region
    route_url       = var.route_url
    seed            = "${aws_lb.seed.dns_name}:${local.gossip}"
    tls             = var.tls
    zookeeper       = var.zookeeper
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.this[each.key].arn
  }
  network_interfaces {
    associate_public_ip_address = true
    security_groups             = [aws_security_group.this.id]
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type = "gp3"
      volume_size = 8
      encrypted   = true
    }
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = each.value.role }
  }
}

locals {
  hook = "${var.name}-drain"
}

resource "aws_autoscaling_group" "this" {
  for_each = local.groups

  name                      = each.value.name
  min_size                  = each.value.size.min
  max_size                  = each.value.size.max
  desired_capacity          = each.value.size.start
  vpc_zone_identifier       = each.value.subnet_ids
  target_group_arns         = [for group in aws_lb_target_group.seed : group.arn]
  health_check_type         = "ELB" # liveness: see the target groups
  health_check_grace_period = 180
  wait_for_capacity_timeout = "0" # the route may be made after the nodes, and they wait for it
  enabled_metrics           = ["GroupInServiceInstances", "GroupDesiredCapacity"]

  launch_template {
    id      = aws_launch_template.this[each.key].id
    version = aws_launch_template.this[each.key].latest_version
  }
  initial_lifecycle_hook {
    name                 = local.hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = var.drain_timeout + 30
    default_result       = "CONTINUE"
  }
  # Groups of one are not refreshed by an apply: all would drain at the same time.
  dynamic "instance_refresh" {
    for_each = local.shared ? ["Rolling"] : []

    content {
      strategy = instance_refresh.value

      preferences {
        min_healthy_percentage = 100
        max_healthy_percentage = 134
        instance_warmup        = 60
      }
    }
  }
  lifecycle {
    ignore_changes = [desired_capacity] # the policy below rules it
  }
}

resource "aws_autoscaling_policy" "cpu" {
  for_each = local.shared ? local.groups : {}

  name                   = "${var.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.this[each.key].name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.cpu_target

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/cim/${var.name}/node"
  retention_in_days = var.log_days
}

resource "aws_cloudwatch_metric_alarm" "few" {
  for_each = var.alarm_topic_arns == null ? {} : local.groups

  alarm_name          = "${each.value.name}-few-nodes"
  alarm_description   = "Fewer nodes are in service than the group has at least."
  namespace           = "AWS/AutoScaling"
  metric_name         = "GroupInServiceInstances"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.this[each.key].name }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = each.value.size.min
  period              = 60
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
