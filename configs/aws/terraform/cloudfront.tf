# One distribution per region in front of its bucket: rotator looks at each region through it.

locals {
  edges = var.jwks_access == "cloudfront" ? var.regions : toset([])
}

resource "aws_cloudfront_origin_access_control" "edge" {
  count = var.jwks_access == "cloudfront" ? 1 : 0

  name                              = "${var.name}-jwks"
  description                       = "Signs CloudFront's requests to the buckets with key sets"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "edge" {
  count = var.jwks_access == "cloudfront" ? 1 : 0

  name    = "${var.name}-jwks"
  comment = "Keeps key sets as long as their Cache-Control says, and never longer than the maximum"

  # A minimum above 0 would override max-age and no-store: a withdrawn key would stay for as long.
  min_ttl     = 0
  default_ttl = var.edge_ttl
  max_ttl     = var.edge_ttl

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_distribution" "edge" {
  for_each = local.edges

  enabled         = true
  is_ipv6_enabled = true
  comment         = "rotator: key sets of ${each.value}"
  aliases         = [for region, edge in var.edge_names : edge.host if region == each.value]

  origin {
    origin_id                = "jwks"
    domain_name              = aws_s3_bucket.this["jwks-${each.value}"].bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.edge[0].id
  }

  default_cache_behavior {
    target_origin_id       = "jwks"
    viewer_protocol_policy = "https-only"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    compress               = true
    cache_policy_id        = aws_cloudfront_cache_policy.edge[0].id
  }

  # Without s3:ListBucket CloudFront is told 403 for an object that is not there yet; it must not remember that.
  dynamic "custom_error_response" {
    for_each = [403, 404, 500, 502, 503, 504]

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = !contains(keys(var.edge_names), each.value)
    acm_certificate_arn            = try(var.edge_names[each.value].certificate_arn, null)
    ssl_support_method             = contains(keys(var.edge_names), each.value) ? "sni-only" : null
    minimum_protocol_version       = contains(keys(var.edge_names), each.value) ? "TLSv1.2_2021" : null
  }
}
