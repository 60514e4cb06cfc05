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
  description = "Ids of private subnets."
  type        = list(string)
  nullable    = false
}

variable "package" {
  description = "Path of cim-route's zip of `make dist`, of architecture."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.package)
    error_message = "package is not there: run make dist first."
  }
}

variable "architecture" {
  description = "Architecture of package: arm64, or x86_64 for the amd64 one."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "redis_url" {
  description = "URL of the store, with the user and without the password: rediss://, rediss+cluster:// and so on."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^rediss?(\\+sentinel|\\+cluster)?://", var.redis_url)) && !can(regex("://[^/@]*:[^/@]*@", var.redis_url))
    error_message = "redis_url must be a URL such as rediss://cim@host:6379, and have no password: that is what redis_password_arn is for."
  }
}

variable "redis_password_arn" {
  description = "ARN of the secret with the store's password; null: the store has none."
  type        = string
  default     = null
}

variable "cluster_key_arn" {
  description = "ARN of the secret that nodes and routes share."
  type        = string
  nullable    = false
}

variable "route_key_arn" {
  description = "ARN of the secret that signs tickets and tokens."
  type        = string
  nullable    = false
}

variable "identity_arn" {
  description = "ARN of the secret with the key and the certificate of the routes, which cim cluster makes; null: the cluster key alone counts between nodes and routes."
  type        = string
  default     = null
}

variable "members" {
  description = "host:port of the internal HTTP of any running nodes, comma-separated."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex(":[0-9]+$", var.members))
    error_message = "members must be host:port[,host:port...]."
  }
}

variable "node_port" {
  description = "TCP port of the internal HTTP of nodes, as members has it."
  type        = number
  default     = 8081
  nullable    = false

  validation {
    condition     = var.node_port >= 1 && var.node_port <= 65535 && floor(var.node_port) == var.node_port
    error_message = "node_port must be a whole number from 1 to 65535."
  }
}

variable "auth" {
  description = "Mode of accounts: password, open (whoever says a name is it), or jwt (the tokens of a system of yours: see jwt)."
  type        = string
  default     = "password"
  nullable    = false

  validation {
    condition     = contains(["password", "open", "jwt"], var.auth)
    error_message = "auth must be password, open or jwt."
  }
}

variable "jwt" {
  description = "With auth = \"jwt\", how tokens are verified: the issuer and the audience that they must have; the https URL of the keys (jwks_url, which needs a way out of the network) or the ARN of a secret with them (key_arn); the claim that names a new account; for how many seconds the last keys serve while the URL does not answer; addresses or CIDR blocks that the URL may lead to although they are not public. null: there are no such tokens."
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
    condition     = var.jwt == null || try(var.jwt.issuer != "" && var.jwt.audience != "" && var.jwt.name != "", false)
    error_message = "jwt.issuer, jwt.audience and jwt.name must not be empty."
  }
  validation {
    condition     = var.jwt == null || try((var.jwt.jwks_url == null) != (var.jwt.key_arn == null), false)
    error_message = "jwt needs jwks_url or key_arn, and not both."
  }
  validation {
    condition     = try(var.jwt.jwks_url, null) == null || can(regex("^https://[^/@]+(/|$)", var.jwt.jwks_url))
    error_message = "jwt.jwks_url must be an https URL without a user."
  }
  validation {
    condition     = try(var.jwt.key_arn, null) == null || can(regex("^arn:aws[a-z-]*:secretsmanager:", var.jwt.key_arn))
    error_message = "jwt.key_arn must be the ARN of a secret of Secrets Manager."
  }
  validation {
    condition     = var.jwt == null || try(var.jwt.stale_seconds >= 1 && floor(var.jwt.stale_seconds) == var.jwt.stale_seconds, false)
    error_message = "jwt.stale_seconds must be a whole number of seconds from 1."
  }
  validation {
    condition     = var.jwt == null || alltrue([for a in try(var.jwt.egress_allow, []) : can(regex("^[0-9A-Fa-f.:]+(/[0-9]+)?$", a))])
    error_message = "jwt.egress_allow must have addresses or CIDR blocks."
  }
}

variable "limits" {
  description = "What one account and one address may cost others: off, default, or the text of a file of limits, as routefn/LIMITS.md has it: file(\"limits\"). null: default, and with auth = \"open\" no bound on registrations, because all clients seem to come from one address."
  type        = string
  default     = null

  validation {
    condition     = var.limits == null || contains(["off", "default"], coalesce(var.limits, "off")) || strcontains(coalesce(var.limits, "off"), "=")
    error_message = "limits must be off, default, or lines of name = value."
  }
  validation {
    condition = alltrue([for line in split("\n", replace(coalesce(var.limits, "off"), "\r", "")) :
      contains(["off", "default"], line)
      || can(regex("^\\s*(#.*)?$", line))
      || can(regex("^\\s*(messages|group-member|group|receivers|groups|pulls|wrong-passwords|wrong-passwords-known|wrong-passwords-address|registrations)\\s*=\\s*(off|[1-9][0-9]*/(s|min|h|d)(\\s+burst\\s+[1-9][0-9]*)?)\\s*(#.*)?$", line))
    ])
    error_message = "limits has a line that is no limit: want NAME = N/s, N/min, N/h or N/d, perhaps with burst N, or NAME = off, with a NAME of routefn/LIMITS.md."
  }
  validation {
    condition     = length(coalesce(var.limits, "off")) <= 2048
    error_message = "limits must have at most 2048 characters: a function's environment holds 4 KB in all."
  }
}

variable "ack" {
  description = "When a message is accepted: primary (once the store has it), replica or replica=N (once its replicas have it too)."
  type        = string
  default     = "primary"
  nullable    = false

  validation {
    condition     = can(regex("^(primary|replica(=[1-9][0-9]*)?)$", var.ack))
    error_message = "ack must be primary, replica or replica=N."
  }
}

variable "retention" {
  description = "What a user's or a group's log keeps at most: days, and how many messages. What it keeps is what the store's memory is for."
  type = object({
    days     = optional(number, 14)
    messages = optional(number, 10000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retention.days >= 1 && var.retention.messages >= 1 && floor(var.retention.days) == var.retention.days && floor(var.retention.messages) == var.retention.messages
    error_message = "retention.days and retention.messages must be whole numbers from 1."
  }
}

variable "memory" {
  description = "Memory of an instance in MB; CPU time comes with it. Hashing a password takes 64 MB for a moment."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory >= 256 && var.memory <= 10240
    error_message = "memory must be between 256 and 10240 MB."
  }
}

variable "concurrency" {
  description = "Number of instances: reserved for this function and its most (-1: what the account has), and provisioned, that is kept warm (0: none)."
  type = object({
    reserved    = optional(number, -1)
    provisioned = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.concurrency.provisioned == 0 || var.concurrency.reserved == -1 || var.concurrency.provisioned <= var.concurrency.reserved
    error_message = "concurrency.provisioned must not be above concurrency.reserved."
  }
}

variable "rate" {
  description = "Requests a second that the API lets through, and how many at once."
  type = object({
    limit = optional(number, 1000)
    burst = optional(number, 2000)
  })
  default  = {}
  nullable = false
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
