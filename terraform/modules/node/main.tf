# Nodes in an autoscaling group. Clients connect to the very node that their ticket
# names, so nodes stand in public subnets and there is no balancer before them; the
# internal one here only answers "where is any node?", for gossip and for routes.

data "aws_region" "current" {}

locals {
  clients = 11211
  http    = var.internal.port
  gossip  = 7946

  # A cluster of one makes itself; more wait until two know each other, or one that is
  # there already answers. So a cold start of all at once makes one cluster.
  find = var.size.min == 1 ? "-bootstrap" : "-expect 2"

  secrets = concat([var.cluster_key_arn], values(var.identity_arns), var.tls == null ? [] : [var.tls.secret_arn])
}

resource "aws_launch_template" "this" {
  name                   = var.name
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
    identities      = var.identity_arns
    internal        = var.internal
    log_group       = aws_cloudwatch_log_group.this.name
    name            = var.name
    region          = data.aws_region.current.region
    route_url       = var.route_url
    seed            = "${aws_lb.seed.dns_name}:${local.gossip}"
    members         = "${aws_lb.seed.dns_name}:${local.http}"
    tls             = var.tls
    zookeeper       = var.zookeeper
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
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
    tags          = { Name = "${var.name}-node" }
  }
}

locals {
  hook = "${var.name}-drain"
}

resource "aws_autoscaling_group" "this" {
  name                      = var.name
  min_size                  = var.size.min
  max_size                  = var.size.max
  desired_capacity          = var.size.start
  vpc_zone_identifier       = var.subnet_ids
  target_group_arns         = [for group in aws_lb_target_group.seed : group.arn]
  health_check_type         = "ELB" # liveness: see the target groups
  health_check_grace_period = 180
  wait_for_capacity_timeout = "0" # the route may be made after the nodes, and they wait for it
  enabled_metrics           = ["GroupInServiceInstances", "GroupDesiredCapacity"]

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }
  initial_lifecycle_hook {
    name                 = local.hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = var.drain_timeout + 30
    default_result       = "CONTINUE"
  }
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 134
      instance_warmup        = 60
    }
  }
  lifecycle {
    ignore_changes = [desired_capacity] # the policy below rules it
  }
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "${var.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
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
  count = var.alarm_topic_arns == null ? 0 : 1

  alarm_name          = "${var.name}-few-nodes"
  alarm_description   = "Fewer nodes are in service than the group has at least."
  namespace           = "AWS/AutoScaling"
  metric_name         = "GroupInServiceInstances"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.this.name }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = var.size.min
  period              = 60
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
