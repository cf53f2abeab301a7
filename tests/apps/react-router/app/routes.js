import { index, route } from "@react-router/dev/routes";

export default [
  index("routes/home.jsx"),
  route("terms", "routes/terms.jsx"),
  route("probes", "routes/probes.js"),
  route("other", "routes/other.js"),
];
