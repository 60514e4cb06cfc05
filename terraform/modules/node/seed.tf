# The internal balancer: the gossip address of any running node, and the members over
# HTTP for routes. UDP goes between the nodes themselves.

locals {
  doors = { gossip = local.gossip, members = local.http }

  # Under TLS the balancer has a name that the nodes' certificate is for.
  members = var.tls == null ? "${aws_lb.seed.dns_name}:${local.http}" : "https://${aws_route53_record.seed[0].name}:${local.http}"
}

resource "aws_security_group" "seed" {
  name        = "${var.name}-seed"
  description = "The balancer before the nodes' gossip and internal HTTP"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-seed" }
}

resource "aws_vpc_security_group_ingress_rule" "seed_gossip" {
  security_group_id            = aws_security_group.seed.id
  description                  = "Gossip from nodes that start"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = local.gossip
  to_port                      = local.gossip
}

resource "aws_vpc_security_group_ingress_rule" "seed_members" {
  for_each = var.routes

  security_group_id            = aws_security_group.seed.id
  description                  = "Members for ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.http
  to_port                      = local.http
}

resource "aws_vpc_security_group_egress_rule" "seed" {
  for_each = local.doors

  security_group_id            = aws_security_group.seed.id
  description                  = "Nodes: ${each.key}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_lb" "seed" {
  name                             = "${var.name}-seed"
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = var.subnet_ids
  security_groups                  = [aws_security_group.seed.id]
  enable_cross_zone_load_balancing = true
}

resource "aws_lb_target_group" "seed" {
  for_each = local.doors

  name                 = "${var.name}-${each.key}"
  vpc_id               = var.vpc_id
  protocol             = "TCP"
  port                 = each.value
  deregistration_delay = 10
  # A target cannot reach itself through a balancer that keeps the client's address.
  preserve_client_ip = false

  # Liveness, not readiness: the group replaces whom this says is ill, and losing Redis
  # must not replace every node.
  health_check {
    protocol            = var.tls == null ? "HTTP" : "HTTPS"
    port                = local.http
    path                = "/healthz"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "seed" {
  for_each = local.doors

  load_balancer_arn = aws_lb.seed.arn
  protocol          = "TCP"
  port              = each.value

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.seed[each.key].arn
  }
}

resource "aws_route53_record" "seed" {
  count = var.tls == null ? 0 : 1

  zone_id = var.tls.zone_id
  name    = "${var.name}-seed.${var.tls.domain}"
  type    = "A"

  alias {
    name                   = aws_lb.seed.dns_name
    zone_id                = aws_lb.seed.zone_id
    evaluate_target_health = false
  }
}
