// logmend on Railway: the service, its health check, its drain time, and a PostgreSQL for its store.
//
//   railway config plan     shows what would change
//   railway config apply    changes it
//
// Read by the Railway CLI from 5.42.1 on; `railway/iac` is the npm package `railway`. docs.railway.com/infrastructure-as-code
import { defineRailway, postgres, preserve, project, service } from "railway/iac";

export default defineRailway(() => {
  const db = postgres("postgres");

  const logmend = service("logmend", {
    // The source is left out: connect your fork in the dashboard, or deploy this folder with `railway up`.
    build: { builder: "DOCKERFILE", dockerfilePath: "deploy/Dockerfile" },
    // A deployment takes over once its store answers. Railway sets PORT, and with it every listener binds [::].
    healthcheck: "/health/ready",
    healthcheckTimeout: 120,
    deploy: {
      restartPolicyType: "ON_FAILURE",
      restartPolicyMaxRetries: 10,
      // Between SIGTERM and SIGKILL, 0 where nothing is said; logmend needs 10 at most.
      drainingSeconds: 30,
      // Old and new deployment share the store meanwhile, as any two replicas do.
      overlapSeconds: 10,
      sleepApplication: false,
    },
    env: {
      DATABASE_URL: db.env.DATABASE_URL,
      // Set in the dashboard, and kept as they are there.
      ANTHROPIC_API_KEY: preserve(),
      GITHUB_TOKEN: preserve(),
      GITHUB_REPOSITORY: preserve(),
      LOGMEND_INGEST_TOKEN: preserve(),
      LOGMEND_API_TOKEN: preserve(),
    },
  });

  return project("logmend", { resources: [db, logmend] });
});
