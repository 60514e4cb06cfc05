variable "region" {
  description = "AWS region."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Name of the cluster, which all resources begin with: small letters, digits and hyphens, at most 20."
  type        = string
  default     = "cim"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 small letters, digits and hyphens, and begin with a letter."
  }
}

variable "dist" {
  description = "Folder that `make dist` filled."
  type        = string
  default     = "../../dist"
  nullable    = false

  validation {
    condition     = fileexists("${var.dist}/SHA256SUMS")
    error_message = "dist lacks SHA256SUMS: run make dist first."
  }
}

variable "cidr" {
  description = "IPv4 range of the network, from /16 to /20."
  type        = string
  default     = "10.42.0.0/16"
  nullable    = false
}

variable "zone_count" {
  description = "Number of availability zones, from two to six."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.zone_count >= 2 && var.zone_count <= 6
    error_message = "zone_count must be between 2 and 6."
  }
}

variable "existing_network" {
  description = "A network that is there already, in place of cidr and zone_count: the ids of its VPC, of public subnets, for nodes, and of private ones, which reach Secrets Manager and S3 by endpoints or otherwise. null: one is made."
  type = object({
    vpc_id             = string
    public_subnet_ids  = list(string)
    private_subnet_ids = list(string)
  })
  default = null
}

variable "client_cidrs" {
  description = "IPv4 ranges that clients connect from."
  type        = set(string)
  default     = ["0.0.0.0/0"]
  nullable    = false
}

variable "auth" {
  description = "Mode of accounts: password, open (whoever says a name is it: for trials), or jwt (the tokens of a system of yours: see jwt)."
  type        = string
  default     = "password"
  nullable    = false

  validation {
    condition     = contains(["password", "open", "jwt"], var.auth)
    error_message = "auth must be password, open or jwt."
  }
}

variable "jwt" {
  description = "With auth = \"jwt\", how tokens are verified: see the module routefn; stale_seconds is in seconds. A jwks_url needs existing_network with a way out of its private subnets, which our own network does not have. null: there are no such tokens."
  type = object({
    issuer        = string
    audience      = string
    jwks_url      = optional(string)
    key_arn       = optional(string)
    name          = optional(string, "sub")
    stale_seconds = optional(number, 3600)
    egress_allow  = optional(list(string), [])
  })
  default = null

  validation {
    condition     = (var.jwt != null) == (var.auth == "jwt")
    error_message = "jwt goes with auth = \"jwt\", and auth = \"jwt\" needs it."
  }
  validation {
    condition     = try(var.jwt.jwks_url, null) == null || var.existing_network != null
    error_message = "jwt.jwks_url cannot be reached from the network that is made here, which has no way out: want jwt.key_arn, or existing_network with a NAT gateway."
  }
}

variable "limits" {
  description = "What one account and one address may cost others: off, default, or the text of a file of limits, as routefn/LIMITS.md has it: file(\"limits\"). null: the route's own default."
  type        = string
  default     = null
}

variable "ack" {
  description = "When a message is accepted: primary, or replica (needs redis.replicas, and survives the loss of a primary)."
  type        = string
  default     = "primary"
  nullable    = false
}

variable "retention" {
  description = "What a user's or a group's log keeps at most: days, and how many messages. It is the largest part of a large deployment's bill: see ../COSTS.md."
  type = object({
    days     = optional(number, 14)
    messages = optional(number, 10000)
  })
  default  = {}
  nullable = false
}

variable "nodes" {
  description = "Nodes: EC2 type (arm64), how many at least and at most, connections a node takes, seconds it may drain, the TCP port of the internal HTTP, which only routes and the balancer reach, and whether Go's profiles are there."
  type = object({
    type          = optional(string, "c7g.large")
    min           = optional(number, 3)
    max           = optional(number, 12)
    capacity      = optional(number, 100000)
    drain_timeout = optional(number, 300)
    internal_port = optional(number, 8081)
    profiles      = optional(bool, false)
  })
  default  = {}
  nullable = false
}

variable "redis" {
  description = "The store: ElastiCache type, masters (above 1: Redis Cluster), replicas of each, days of snapshots."
  type = object({
    type          = optional(string, "cache.t4g.small")
    shards        = optional(number, 1)
    replicas      = optional(number, 1)
    snapshot_days = optional(number, 7)
  })
  default  = {}
  nullable = false
}

variable "existing_redis" {
  description = "A store that is there already, in place of redis: its URL without the password (rediss://, rediss+sentinel:// or rediss+cluster://), the ARN of the secret with the password (null: none), and the id of its security group, which is opened for the route: in existing_network, or in one that is peered with ours. null: one is made."
  type = object({
    url               = string
    password_arn      = optional(string)
    security_group_id = string
  })
  default = null

  validation {
    condition     = var.existing_redis == null || startswith(try(var.existing_redis.url, ""), "rediss") || var.plaintext
    error_message = "existing_redis.url is without TLS: want rediss://, or for an experiment say plaintext = true."
  }
}

variable "zookeeper" {
  description = "ZooKeeper for CIM's own tools and routes: how many servers (1, 3 or 5), EC2 type (arm64), path of Apache's apache-zookeeper-3.x.y-bin.tar.gz. null: none; the cluster does not need it."
  type = object({
    servers = optional(number, 3)
    type    = optional(string, "t4g.small")
    archive = string
  })
  default = null
}

variable "route" {
  description = "The route's function: architecture (arm64 or x86_64), memory in MB, instances reserved (-1: what the account has) and kept warm, requests a second and at once that the API lets through."
  type = object({
    architecture = optional(string, "arm64")
    memory       = optional(number, 512)
    reserved     = optional(number, -1)
    provisioned  = optional(number, 0)
    rate         = optional(number, 1000)
    burst        = optional(number, 2000)
  })
  default  = {}
  nullable = false
}

variable "tls" {
  description = "TLS for clients and between nodes and routes: domain that a wildcard certificate is for, id of its public zone, ARN of the secret with certificate and key (JSON, PEM), null for one that is made here of certificate_files; number of the generation of these files, another one writes them anew. plain_clients: connections without TLS are taken, too, for clients of CIM, which speak none. null: only with plaintext."
  type = object({
    domain        = string
    zone_id       = string
    secret_arn    = optional(string)
    generation    = optional(number, 1)
    plain_clients = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.tls != null || var.plaintext
    error_message = "tls is not set, so passwords and messages would cross the internet in the clear. Give a domain and its certificate, or for an experiment say plaintext = true."
  }
  validation {
    condition     = var.tls == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", try(var.tls.domain, "")))
    error_message = "tls.domain must be a domain in small letters, without a star and without a dot at its end."
  }
  validation {
    condition     = try(var.tls.secret_arn, null) == null || can(regex("^arn:aws[a-z-]*:secretsmanager:", try(var.tls.secret_arn, "")))
    error_message = "tls.secret_arn must be the ARN of a secret of Secrets Manager."
  }
}

variable "certificate_files" {
  description = "With tls and without tls.secret_arn, the wildcard certificate with its chain, and its key, both PEM. They are in no state and no plan, and are needed only when tls.generation changes; null: the secret stays as it is."
  type = object({
    certificate = string
    key         = string
  })
  default   = null
  ephemeral = true
}

variable "plaintext" {
  description = "Allows hops without TLS: clients' connections without tls, and an existing_redis of redis://. For experiments: whoever can read the network reads passwords, tokens and messages."
  type        = bool
  default     = false
  nullable    = false
}

variable "identities" {
  description = "Keys and certificates of processes, which cim cluster makes: ids of the nodes, each of which is one node with a role of its own in IAM, the id of the routes, and the number of their generation: another one writes identity_files anew. nodes.min and nodes.max do not count then. null: the cluster key alone counts between processes, and nodes share a role."
  type = object({
    nodes      = set(string)
    route      = string
    generation = optional(number, 1)
  })
  default = null
}

variable "identity_files" {
  description = "What cim cluster wrote for each id of identities, by id: the content of ID.pem. It is in no state and no plan, and is read only when the generation of identities changes."
  type        = map(string)
  default     = {}
  nullable    = false
  ephemeral   = true
}

variable "secret_generation" {
  description = "Number of the secrets' generation; another one makes new secrets."
  type        = number
  default     = 1
  nullable    = false
}

variable "secret_recovery_days" {
  description = "Time in days for which deleted secrets can be brought back: 0, or 7 to 30."
  type        = number
  default     = 7
  nullable    = false
}

variable "log_days" {
  description = "Time in days for which logs are kept: one of those that CloudWatch knows."
  type        = number
  default     = 30
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that alarms go to; empty: alarms that tell nobody; null: no alarms."
  type        = list(string)
  default     = []
}
