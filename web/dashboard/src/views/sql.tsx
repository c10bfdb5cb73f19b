import { Empty } from "../ui/messages";

export default function View() {
  return (
    <>
      <h1>sql</h1>
      <Empty>Not built yet.</Empty>
    </>
  );
}
