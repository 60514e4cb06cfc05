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

variable "members" {
  description = "host:port of the internal HTTP of any running nodes, comma-separated."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex(":[0-9]+$", var.members))
    error_message = "members must be host:port[,host:port...]."
  }
}

variable "auth" {
  description = "Mode of accounts: password, or open (whoever says a name is it)."
  type        = string
  default     = "password"
  nullable    = false

  validation {
    condition     = contains(["password", "open"], var.auth)
    error_message = "auth must be password or open."
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
