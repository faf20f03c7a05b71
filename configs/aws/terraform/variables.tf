variable "name" {
  description = "Begins the names of buckets, roles and policies. Bucket names are global: take one that nobody else has."
  type        = string
  default     = "rotator"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,30}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, at most 31: it becomes part of bucket names."
  }
}

variable "regions" {
  description = "The AWS regions that serve a key set and sign tokens."
  type        = set(string)

  validation {
    condition     = length(var.regions) > 0
    error_message = "At least one region is needed."
  }
}

variable "primary_region" {
  description = "Where KMS keys are made; from there they are replicated into the other regions."
  type        = string

  validation {
    condition     = contains(var.regions, var.primary_region)
    error_message = "The primary region must be one of the regions."
  }
}

variable "state_region" {
  description = "Where the state lives; the primary region when null."
  type        = string
  default     = null
}

variable "keys" {
  description = "kms: keys never leave KMS, each token is a KMS call. kms-wrapped: KMS wraps the private halves, signers unwrap and sign by themselves."
  type        = string
  default     = "kms"

  validation {
    condition     = contains(["kms", "kms-wrapped"], var.keys)
    error_message = "Either kms or kms-wrapped."
  }
}

variable "deletion_window_days" {
  description = "The shortest waiting period of a key's deletion that the applier may ask for; rotator's keys.deletion_window must not be shorter."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "KMS takes 7 to 30 days."
  }
}

variable "jwks_access" {
  description = "Who may read the key sets: private (your own edge brings its permission), public (everybody, from the bucket), cloudfront (everybody, through one distribution per region)."
  type        = string
  default     = "private"

  validation {
    condition     = contains(["private", "public", "cloudfront"], var.jwks_access)
    error_message = "One of private, public, cloudfront."
  }
}

variable "edge_ttl" {
  description = "Seconds that CloudFront keeps a key set whose Cache-Control does not say; also the longest that it may say. rotator's policy.edge_cache must not be shorter."
  type        = number
  default     = 300

  validation {
    condition     = var.edge_ttl > 0 && var.edge_ttl <= 86400
    error_message = "Between a second and a day: a longer one than publish_lead makes every rotation unsafe."
  }
}

variable "edge_names" {
  description = "Host names for the distributions by region, with the ARN of their certificate in us-east-1; CloudFront's own names where left out."
  type        = map(object({ host = string, certificate_arn = string }))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.edge_names), var.regions)) == 0
    error_message = "Every edge name belongs to one of the regions."
  }
}

variable "trusted" {
  description = "Who may assume the roles: ARNs of users, roles or accounts."
  type = object({
    planner = list(string)
    applier = list(string)
    signer  = list(string)
  })

  validation {
    condition     = alltrue([for arns in var.trusted : length(arns) > 0])
    error_message = "Each role needs somebody who may assume it."
  }
}

variable "external_id" {
  description = "What whoever assumes a role has to say (rotator: aws.external_id)."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@:/-]+$", var.external_id)) && length(var.external_id) >= 2 && length(var.external_id) <= 1224
    error_message = "2 to 1,224 letters, digits or + = , . @ : / - (IAM, sts:ExternalId)."
  }
}

variable "signer_issuer" {
  description = "The issuer that the signers sign for, by its name in rotator.yaml; * for any."
  type        = string
  default     = "*"
}

variable "document_prefix" {
  description = "Begins the object keys of key sets and signing targets: empty, or a folder with its slash."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]+/)*$", var.document_prefix))
    error_message = "Empty, or ending in a slash."
  }
}

variable "state_prefix" {
  description = "The state's prefix (rotator: state.prefix), without a slash at its end."
  type        = string
  default     = "rotator"
}

variable "alias_prefix" {
  description = "Begins the names of the aliases that the applier may move, after alias/ (rotator: keys.alias)."
  type        = string
  default     = "rotator/"
}

variable "wrapping_alias" {
  description = "The alias of the wrapping key (rotator: keys.wrapping_key); for kms-wrapped only."
  type        = string
  default     = "alias/rotator-wrapping"
}

variable "keep_old_signing_days" {
  description = "Days that a replaced signing target is kept. With kms-wrapped it still decrypts: a private half counts as destroyed only when the last of them has gone."
  type        = number
  default     = 1

  validation {
    condition     = var.keep_old_signing_days >= 1
    error_message = "S3 takes whole days, at least one."
  }
}

variable "keep_old_state_days" {
  description = "Days that a replaced state is kept, for restoring it. With kms-wrapped it holds wrapped private halves, too."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_old_state_days >= 1
    error_message = "S3 takes whole days, at least one."
  }
}
