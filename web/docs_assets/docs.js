"use strict";

SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // No one else is asked whether the document is valid, and keys are not kept beyond the page.
  validatorUrl: "none",
  persistAuthorization: false,
});
