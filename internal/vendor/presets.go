package vendor

// presets hold what the vendors' own documents say; what they leave open is not guessed here.
var presets = []Vendor{
	{
		ID:         "pushmetrics",
		Name:       "PushMetrics",
		Principals: []string{"arn:aws:iam::133737826969:root"},
		Regions:    []string{"eu-central-1"},
		// The document says PostgreSQL and MySQL, which Aurora's are to a client.
		Engines: []string{"postgres", "aurora-postgresql", "mysql", "aurora-mysql"},
		Handoff: "Send to your PushMetrics contact (e-mail or account manager).",
		AfterShare: "PushMetrics creates an interface endpoint to the service, tests the connection once we have accepted it, " +
			"and uses the endpoint's DNS name as the database host. Credentials are given in the PushMetrics application, and only then.",
		Source:  "PushMetrics documentation on RDS over AWS PrivateLink",
		Checked: "2026-11-21",
	},
	{
		ID:         "fivetran",
		Name:       "Fivetran",
		Principals: []string{"arn:aws:iam::834469178297:root"},
		// The document says "one of our supported regions"; these are the data processing regions of its REST API, without
		// us-gov-west-1, as the principal is of another partition.
		Regions: []string{"ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-west-1",
			"eu-west-2", "us-east-1", "us-east-2", "us-west-2"},
		Engines: []string{"postgres", "aurora-postgresql", "mysql", "aurora-mysql", "mariadb", "sqlserver"},
		Handoff: "Open a Fivetran support ticket with the service name and, as host name of the destination, the TLS server name. With a " +
			"self-service account, enter the service name in the destination's setup form instead: Connect via Private Networking, " +
			"then Configure a new PrivateLink connection. A Business Critical plan is needed.",
		AfterShare: "Fivetran raises the connection request itself, which can take 10 minutes, and says so in the destination's setup form " +
			"once we have accepted it. Leave \"Require TLS when using PrivateLink\" on: off, it falls back to clear text.",
		Source:  "Fivetran documentation, AWS PrivateLink; regions: Fivetran REST API, private links",
		Checked: "2026-11-21",
	},
	{
		ID:   "tidb-cloud",
		Name: "TiDB Cloud",
		Ask: "in the TiDB Cloud console: the cluster's Settings > Networking, \"Private Link Connection For Dataflow\", " +
			"Create Private Link Connection",
		Engines: []string{"mysql", "aurora-mysql"},
		Handoff: "Enter the service name in the TiDB Cloud console: the cluster's Settings > Networking, \"Private Link Connection For " +
			"Dataflow\", Create Private Link Connection. The cluster must be in the region below; for another, ask TiDB Cloud Support.",
		AfterShare: "TiDB Cloud creates the endpoint itself, from the account and in the Availability Zones that its console shows.",
		Source:     "TiDB Cloud documentation, Connect to Amazon RDS via a Private Link Connection",
		Checked:    "2026-11-21",
	},
}
