const WIDTH = 60;
const HEIGHT = 20;
const PLACES = 300;

/** The last five minutes in small, from zero; the number beside it says the value. */
export function Sparkline({ values }: { values: readonly (number | null)[] }) {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const first = PLACES - values.length;
  const points = values.flatMap((value, i) =>
    value === null
      ? []
      : [
          `${(((first + i) / (PLACES - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`,
        ],
  );
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
      preserveAspectRatio="none"
    >
      <polyline points={points.join(" ")} />
    </svg>
  );
}
