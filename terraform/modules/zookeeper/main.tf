# An ensemble of ZooKeeper servers with fixed addresses. What is in it is a mirror of
# what the nodes know by gossip: a server that lost its disk gets it from the others,
# and an ensemble that lost all of it gets it from the nodes.

locals {
  servers = { for i in range(var.servers) : "zookeeper-${i + 1}" => {
    id     = i + 1
    subnet = var.subnet_ids[i % length(var.subnet_ids)]
  } }
  addresses = { for name, server in local.servers : server.id => aws_network_interface.this[name].private_ip }
}

resource "aws_security_group" "this" {
  name        = "${var.name}-zookeeper"
  description = "ZooKeeper"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-zookeeper" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.clients

  security_group_id            = aws_security_group.this.id
  description                  = "ZooKeeper from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 2181
  to_port                      = 2181
}

resource "aws_vpc_security_group_ingress_rule" "peers" {
  for_each = { followers = 2888, election = 3888 }

  security_group_id            = aws_security_group.this.id
  description                  = "The ensemble: ${each.key}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.this.id
  description       = "The ensemble and the endpoints of AWS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# The addresses outlive the servers: the others' configurations have them.
resource "aws_network_interface" "this" {
  for_each = local.servers

  subnet_id       = each.value.subnet
  security_groups = [aws_security_group.this.id]
  tags            = { Name = "${var.name}-${each.key}" }
}

resource "aws_iam_role" "this" {
  name = "${var.name}-zookeeper"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "archive"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:aws:s3:::${var.archive.bucket}/${var.archive.key}"
    }]
  })
}

resource "aws_iam_instance_profile" "this" {
  name = "${var.name}-zookeeper"
  role = aws_iam_role.this.name
}

resource "aws_instance" "this" {
  for_each = local.servers

  ami                         = var.ami
  instance_type               = var.instance_type
  iam_instance_profile        = aws_iam_instance_profile.this.name
  user_data_replace_on_change = true
  user_data = templatefile("${path.module}/start.sh.tftpl", {
    id        = each.value.id
    addresses = local.addresses
    archive   = var.archive
  })

  primary_network_interface {
    network_interface_id = aws_network_interface.this[each.key].id
  }
  metadata_options {
    http_tokens = "required"
  }
  root_block_device {
    volume_type = "gp3"
    volume_size = var.disk
    encrypted   = true
  }
  lifecycle {
    # A newer image is no reason to replace all servers at once: taint them one by one.
    ignore_changes = [ami]
  }
  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_cloudwatch_metric_alarm" "down" {
  for_each = var.alarm_topic_arns == null ? {} : aws_instance.this

  alarm_name          = "${var.name}-${each.key}-down"
  alarm_description   = "A ZooKeeper server is down. Chat goes on; with most of them down, so does gossip, but the mirror stands still."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed"
  dimensions          = { InstanceId = each.value.id }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
