package rds

import "time"

// certificateAuthority is the default of new instances (AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html).
const certificateAuthority = "rds-ca-rsa2048-g1"

var certificateAuthorityValidTill = time.Date(2061, 5, 26, 0, 0, 0, 0, time.UTC)
