variable "name" {
  description = "Name that all resources begin with: small letters, digits and hyphens, at most 20."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 small letters, digits and hyphens, and begin with a letter."
  }
}

variable "vpc_id" {
  description = "Id of the network."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Ids of the public subnets, for nodes and their internal balancer."
  type        = list(string)
  nullable    = false
}

variable "client_cidrs" {
  description = "IPv4 ranges that clients connect from. It is the only way in from outside."
  type        = set(string)
  default     = ["0.0.0.0/0"]
  nullable    = false

  validation {
    condition     = alltrue([for c in var.client_cidrs : can(cidrnetmask(c))])
    error_message = "client_cidrs must be IPv4 ranges such as 0.0.0.0/0."
  }
}

variable "routes" {
  description = "Ids of the security groups of routes, which push to nodes, by a name of your choice."
  type        = map(string)
  nullable    = false
}

variable "route_url" {
  description = "URL of the route as nodes reach it. They send it requests and open no streams, as a function wants it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^https?://", var.route_url))
    error_message = "route_url must begin with http:// or https://."
  }
}

variable "zookeeper" {
  description = "ZooKeeper servers to mirror into, comma-separated host:port; empty: none."
  type        = string
  default     = ""
  nullable    = false
}

variable "cluster_key_arn" {
  description = "ARN of the secret that nodes and routes share. Each node reads it when it starts."
  type        = string
  nullable    = false
}

variable "identity_arns" {
  description = "ARNs of the secrets with the keys and certificates of nodes, which cim cluster makes, by the nodes' ids. Each id is one node, with a group and a role of its own, which reads this secret and none of the others. empty: nodes are called as their instances and share a role, and the cluster key alone counts."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for id in keys(var.identity_arns) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,37}$", id))])
    error_message = "ids of identity_arns must be 1 to 38 letters, digits, dots, hyphens and underscores, and begin with a letter or a digit: names of roles have them."
  }
}

variable "artifact" {
  description = "Where cim-server's zip of `make dist` is, of instance_type's architecture, and its SHA-256 in hexadecimal."
  type = object({
    bucket = string
    key    = string
    sha256 = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.artifact.sha256))
    error_message = "artifact.sha256 must be 64 hexadecimal digits."
  }
}

variable "ami" {
  description = "Id of an Amazon Linux 2023 image of instance_type's architecture, or resolve:ssm:PARAMETER."
  type        = string
  nullable    = false
}

variable "instance_type" {
  description = "EC2 type of each node."
  type        = string
  default     = "c7g.large"
  nullable    = false
}

variable "size" {
  description = "Number of nodes: at least, at most, and at the start. Between them the group follows the nodes' CPU time. It does not count with identity_arns: there each id is a node."
  type = object({
    min   = optional(number, 3)
    max   = optional(number, 12)
    start = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.size.min >= 1 && var.size.max >= var.size.min && coalesce(var.size.start, var.size.min) >= var.size.min && coalesce(var.size.start, var.size.min) <= var.size.max
    error_message = "size must have 1 <= min <= start <= max."
  }
}

variable "cpu_target" {
  description = "CPU time in percent that the group keeps its nodes at by changing their number."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.cpu_target >= 10 && var.cpu_target <= 90
    error_message = "cpu_target must be between 10 and 90 percent."
  }
}

variable "capacity" {
  description = "Number of connections above which a node sends new ones elsewhere. Two thirds of a node's memory at 10 kB a connection is a good start."
  type        = number
  default     = 100000
  nullable    = false

  validation {
    condition     = var.capacity >= 1
    error_message = "capacity must be at least 1."
  }
}

variable "drain_timeout" {
  description = "Time in seconds that a node may take to give its users to others before it ends: at most 7170, since AWS waits 7200 for what is around it."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.drain_timeout >= 30 && var.drain_timeout <= 7170
    error_message = "drain_timeout must be between 30 and 7170 seconds."
  }
}

variable "internal" {
  description = "The internal HTTP, which only routes and the balancer reach: its TCP port, and whether Go's profiles are there, too."
  type = object({
    port     = optional(number, 8081)
    profiles = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.internal.port >= 1024 && var.internal.port <= 65535 && floor(var.internal.port) == var.internal.port && !contains([11211, 7946], var.internal.port)
    error_message = "internal.port must be a whole number from 1024 to 65535, and neither that of clients, 11211, nor that of gossip, 7946."
  }
}

variable "auth" {
  description = "Mode of accounts, as the route has it: password, open or jwt."
  type        = string
  default     = "password"
  nullable    = false

  validation {
    condition     = contains(["password", "open", "jwt"], var.auth)
    error_message = "auth must be password, open or jwt."
  }
}

variable "tls" {
  description = "TLS for clients and routes: each node is INSTANCE.domain in the public zone, and INSTANCE-internal.domain for routes, and shows the wildcard certificate that the secret has, as JSON with certificate (the chain) and key, both PEM. plain_clients: clients without TLS may connect, too, as CIM's must. null: no TLS, and clients get the nodes' addresses."
  type = object({
    domain        = string
    zone_id       = string
    secret_arn    = string
    plain_clients = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.tls == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", try(var.tls.domain, "")))
    error_message = "tls.domain must be a domain in small letters, without a star and without a dot at its end."
  }
  validation {
    condition     = var.tls == null || can(regex("^arn:aws[a-z-]*:secretsmanager:", try(var.tls.secret_arn, "")))
    error_message = "tls.secret_arn must be the ARN of a secret of Secrets Manager."
  }
}

variable "log_days" {
  description = "Time in days for which logs are kept: one of those that CloudWatch knows, such as 1, 7, 30, 365."
  type        = number
  default     = 30
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that alarms go to; null makes no alarms."
  type        = list(string)
  default     = []
}
